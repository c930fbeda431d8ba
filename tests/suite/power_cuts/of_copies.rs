//! Verbs that write a repository, or an archive out of one.
//!
//! `sweep` and `forget` belong here when there are such verbs.

use super::of_the_archive::opens;
use super::stage::{Scene, Stage};
use super::{a_drive, is_as_undisturbed, trace, with_photos};
use crate::support::referee;
use crate::support::sandbox::Ended;
use crate::support::tree::files_below;

pub(super) fn add_repository(stage: &Stage) -> Ended {
    stage.sandbox.keepsake(&["repo", "add", "copy", &stage.repository().display().to_string()])
}

pub(super) fn with_repository(stage: Stage) -> Stage {
    add_repository(&stage).expect_code(0);
    stage
}

pub(super) fn backed_up(stage: Stage) -> Stage {
    stage.sandbox.keepsake(&["backup"]).expect_code(0);
    stage
}

/// Everything is in the repository, and it comes back; stock restic finds nothing wrong.
fn the_copy_is_complete(stage: &Stage, ask_restic: bool) -> Result<(), String> {
    let backup = stage.ends(&["--json", "backup"], &[0])?.json();
    let state = &backup["repositories"][0]["state"];
    if state != "complete" && state != "unchanged" {
        return Err(format!("the backup is {backup}"));
    }
    stage.ends(&["check", "--read-data"], &[0])?;
    stage.ends(&["drill", "--all"], &[0])?;
    if ask_restic && referee::are_here(&["restic"]) {
        let name = backup["repositories"][0]["name"].as_str().expect("a name");
        let restic = std::process::Command::new("restic")
            .args(["--no-cache", "check", "--read-data", "-r"])
            .arg(stage.repository())
            .env("RESTIC_PASSWORD", stage.sandbox.password(name))
            .output()
            .expect("restic starts");
        if !restic.status.success() {
            return Err(format!("restic: {}", String::from_utf8_lossy(&restic.stderr)));
        }
    }
    Ok(())
}

/// True for one call in so many.
fn once_in(many: u32) -> impl Fn() -> bool {
    let calls = std::cell::Cell::new(0);
    move || {
        calls.set(calls.get() + 1);
        calls.get() % many == 1
    }
}

#[test]
fn a_new_repository_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = with_photos(Stage::new());
    let place = stage.repository().display().to_string();
    let add = ["repo", "add", "copy", &place];
    let scene = Scene::watch(stage, |stage| stage.command(&add));
    let sometimes = once_in(4);
    scene.survives("repo add", 2, &|scene, _| {
        let stage = &scene.stage;
        let again = stage.ends(&add, &[0, 2])?;
        // A name that is taken was added to the end.
        if again.code == 2 && !again.stderr.contains("copy") {
            return Err(again.stderr);
        }
        let words = stage.sandbox.words();
        the_copy_is_complete(stage, sometimes())?;
        opens(stage, &words, &stage.repository().join("recovery/kit.age"))
    });
    scene.survives_after_a_death("repo add", 2, &[0, 2], &|stage| stage.command(&add));
}

#[test]
fn a_backup_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    // One is there already, and must stay.
    let stage = backed_up(with_repository(with_photos(Stage::new())));
    let drive = a_drive(&stage, "second drive", 3, 2);
    stage.sandbox.keepsake(&["ingest", &drive]).expect_code(0);
    let scene = Scene::watch(stage, |stage| stage.command(&["--json", "backup"]));
    assert_eq!(scene.ended.code, 0, "{}", scene.ended.stderr);
    let sometimes = once_in(4);
    scene.survives("backup", 3, &|scene, has_said| {
        let snapshots = scene.stage.ends(&["--json", "snapshots"], &[0])?.stdout;
        if has_said
            && snapshots.matches("\"complete\": true").count() + snapshots.matches("\"complete\":true").count() < 2
        {
            return Err(format!("a complete snapshot was told of: {snapshots}"));
        }
        the_copy_is_complete(&scene.stage, sometimes())?;
        is_as_undisturbed(scene)
    });
    scene.survives_after_a_death("backup", 2, &[0], &|stage| stage.command(&["--json", "backup"]));
}

#[test]
fn a_rescue_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = Stage::new();
    let drive = a_drive(&stage, "drive", 3, 1);
    let place = stage.repository().display().to_string();
    let rescue = ["--json", "rescue", &drive, "--backup-to", &place];
    let scene = Scene::watch(stage, |stage| stage.command(&rescue));
    let told = scene.ended.json()["words"].as_str().map(str::to_owned);
    let sometimes = once_in(4);
    scene.survives("rescue", 2, &|scene, has_said| {
        let stage = &scene.stage;
        let report = stage.ends(&rescue, &[0, 3])?.json();
        let words = report["words"].as_str().map(str::to_owned);
        if !has_said && words.is_none() {
            return Err(format!("nobody was told the words: {report}"));
        }
        let words = words.or_else(|| told.clone()).ok_or("no words")?;
        opens(stage, &words, &stage.sandbox.archive().join("recovery/kit.age"))?;
        opens(stage, &words, &stage.repository().join("recovery/kit.age"))?;
        the_copy_is_complete(stage, sometimes())?;
        is_as_undisturbed(scene)
    });
    scene.survives_after_a_death("rescue", 1, &[0, 3], &|stage| stage.command(&rescue));
}

#[test]
fn a_recovery_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = backed_up(with_repository(with_photos(Stage::new())));
    let (kit, words) = (stage.sandbox.path("kit.age"), stage.sandbox.words());
    std::fs::copy(stage.sandbox.archive().join("recovery/kit.age"), &kit).expect("a kit");
    // The drive with the archive died.
    std::fs::remove_dir_all(stage.sandbox.archive()).expect("it is there");
    let recover = |stage: &Stage| {
        let mut command = stage.sandbox.command(["recover".as_ref(), "--kit".as_ref(), kit.as_os_str()]);
        command.arg("--into").arg(stage.sandbox.archive()).env("KEEPSAKE_KIT_PASSPHRASE", &words);
        command
    };
    let scene = Scene::watch(stage, recover);
    assert_eq!(scene.ended.code, 0, "{}", scene.ended.stderr);
    scene.survives("recover", 2, &|scene, has_said| {
        let stage = &scene.stage;
        if stage.sandbox.archive().join("catalog.db").exists() {
            // The catalog gets its name last: there is nothing left to do.
        } else if has_said {
            return Err("it was told that the archive is back, and it has no catalog".to_owned());
        } else {
            let again = Ended::of(&recover(stage).output().expect("the program starts"));
            super::ends(again, "recover", &[0])?;
        }
        is_as_undisturbed(scene)?;
        opens(stage, &words, &stage.sandbox.archive().join("recovery/kit.age"))?;
        the_copy_is_complete(stage, false)
    });
    scene.survives_after_a_death("recover", 2, &[0, 2], &recover);
}

#[test]
fn a_kit_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = with_repository(with_photos(Stage::new()));
    let (file, words) = (stage.disk.join("kit.age"), stage.sandbox.words());
    // An older one stands in its place.
    std::fs::copy(stage.sandbox.archive().join("recovery/kit.age"), &file).expect("a kit");
    let create = ["kit", "create", "--out", &file.display().to_string()].map(str::to_owned);
    let create = create.each_ref().map(String::as_str);
    let scene = Scene::watch(stage, |stage| stage.command(&create));
    assert_eq!(scene.ended.code, 0, "{}", scene.ended.stderr);
    scene.survives("kit create", 2, &|scene, _| {
        opens(&scene.stage, &words, &file)?;
        scene.stage.ends(&create, &[0])?;
        opens(&scene.stage, &words, &file)
    });
}

#[test]
fn a_new_password_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = backed_up(with_repository(with_photos(Stage::new())));
    let change = ["repo", "password", "copy"];
    let words = stage.sandbox.words();
    let scene = Scene::watch(stage, |stage| stage.command(&change));
    assert_eq!(scene.ended.code, 0, "{}", scene.ended.stderr);
    scene.survives("repo password", 2, &|scene, _| {
        let stage = &scene.stage;
        // What is written down opens it, before anything is run again.
        stage.ends(&["snapshots"], &[0])?;
        stage.ends(&change, &[0])?;
        the_copy_is_complete(stage, false)?;
        let kit = stage.sandbox.archive().join("recovery/kit.age");
        let verified = stage.sandbox.run_with_words(&words, ["kit".as_ref(), "verify".as_ref(), kit.as_os_str()]);
        super::ends(verified, "kit verify", &[0]).map(|_| ())
    });
    scene.survives_after_a_death("repo password", 2, &[0], &|stage| stage.command(&change));
}

#[test]
fn a_restore_survives_a_power_cut_at_every_step() {
    if !trace::can_be_taken() {
        return;
    }
    let stage = backed_up(with_repository(with_photos(Stage::new())));
    let to = stage.disk.join("restored");
    let restore = ["restore", "--all", "--to", &to.display().to_string()].map(str::to_owned);
    let restore = restore.each_ref().map(String::as_str);
    let scene = Scene::watch(stage, |stage| stage.command(&restore));
    assert_eq!(scene.ended.code, 0, "{}", scene.ended.stderr);
    let expected = files_below(&to);
    scene.survives("restore", 2, &|scene, _| {
        scene.stage.ends(&restore, &[0])?;
        let found = files_below(&to);
        let same = |path: &String| {
            let whole = &scene.after.files[&std::path::Path::new("restored").join(path)].1;
            std::fs::read(to.join(path)).is_ok_and(|bytes| bytes == *whole)
        };
        if found == expected && found.iter().all(same) { Ok(()) } else { Err(format!("{found:?} came back")) }
    });
    scene.survives_after_a_death("restore", 2, &[0], &|stage| stage.command(&restore));
}
