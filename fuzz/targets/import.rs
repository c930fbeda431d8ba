//! The catalog as text: a shard begins at every line that says which lines follow.
#![no_main]

use keepsake::catalog::{Catalog, CatalogError, Shard, exported_albums, exported_photos};
use keepsake_fuzz::{hold_tree, prepare};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: prepare(), |input: &[u8]| {
    let shards = shards(input);
    for shard in &shards {
        exported_photos(&shard.bytes, "0");
        exported_albums(&shard.bytes);
    }
    let mut catalog = Catalog::in_memory("read").expect("a catalog in memory");
    let imported = match catalog.import(&shards) {
        Ok(imported) => imported,
        Err(CatalogError::NewerExport { found, known, .. }) => {
            assert!(found > known && catalog.generation().expect("it can be read") == 0);
            return;
        }
        Err(other) => panic!("{other:?}"),
    };
    let lines = shards.iter().map(|shard| shard.bytes.split(|byte| *byte == b'\n').count()).sum::<usize>();
    assert!(imported.problems.len() <= lines);
    let (plan, written) = catalog.snapshot_contents().expect("what was imported can be written");
    hold_tree(&plan);
    let mut again = Catalog::in_memory("read again").expect("a catalog in memory");
    let second = again.import(&written).expect("what was written can be imported");
    assert_eq!(second.problems, []);
    assert_eq!(
        (second.photos, second.albums, second.objects),
        (imported.photos, imported.albums, imported.objects)
    );
    for (one, other) in written.iter().zip(again.export().expect("it can be written again")) {
        assert_eq!((&one.name, text(one)), (&other.name, text(&other)));
    }
    assert_eq!(again.snapshot_plan().expect("it has a plan").photos, plan.photos);
    if input.len() % 16 == 0 {
        assert_eq!(catalog.integrity_check().expect("it can be read"), Vec::<String>::new());
    }
});

fn shards(input: &[u8]) -> Vec<Shard> {
    let mut shards: Vec<Shard> = Vec::new();
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"{\"schema\"") || shards.is_empty() {
            shards.push(Shard { name: format!("{:04}.jsonl", shards.len()), bytes: Vec::new() });
        }
        if let Some(last) = shards.last_mut() {
            last.bytes.extend_from_slice(line);
        }
    }
    shards
}

fn text(shard: &Shard) -> String {
    String::from_utf8_lossy(&shard.bytes).into_owned()
}
