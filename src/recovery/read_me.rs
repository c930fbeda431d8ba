//! The text that stands in every snapshot, for whoever finds it without knowing what it is.

/// Writes `keepsake/READ-ME-FIRST.txt`: what lies where, how to check it and how to get everything out, with stock
/// programs alone. The same archive always gets the same text, so it costs a backup nothing.
pub fn read_me_first(archive_id: &str) -> String {
    format!(
        "\
READ ME FIRST
=============

These are the photos and videos of a photo archive that was kept with the
program Keepsake (archive {archive_id}). They are ordinary
files: you need no special program to look at them.

WHAT IS WHERE

  photos/     Every photo and video once, unchanged, as it came from the camera:
              by owner, year and month. A name begins with the date and the
              time when the photo was taken; the rest is the name it had.
              What nobody could date is in a folder named undated.
              A file that ends in .xmp says what people wrote about the photo
              beside it: caption, stars, tags, who is on it.
  albums/     The same photos again, album by album.
  kept/       All else that was found on the old drives and might matter:
              damaged photos, small previews of lost ones, files of programs.
  trash/      Photos that somebody deleted not long ago.
  keepsake/   This text, what is known about every photo (catalog/, as text
              with one JSON document per line), and checksums (checksums/).

A folder that is not there had nothing in it.

IS EVERYTHING HERE, AND UNALTERED?

Install b3sum (https://github.com/BLAKE3-team/BLAKE3). Open a terminal in the
folder in which photos/ and keepsake/ are, and type:

    cat keepsake/checksums/*.b3 | b3sum --check --quiet

It names each file that is missing or altered. If it says nothing, all is well.

HOW TO GET EVERYTHING OUT OF A BACKUP

You need two free programs: age (https://age-encryption.org) and restic, version
0.14 or newer (https://restic.net). You also need the recovery kit, a file named
kit.age. There is a copy of it in the folder recovery/ of the backup itself, and
the printed sheet says where there are others and what opens it. Type:

    age -d -o kit.json kit.age                    if words open the kit
    age -d -i KEYFILE -o kit.json kit.age         if a secret key opens it

Open kit.json with a text editor. It holds the passwords, and a finished command
for each backup, which looks like this:

    RESTIC_PASSWORD=... restic -r LOCATION restore latest --target rescued

To list all snapshots, put `snapshots` in the place of `restore latest --target
rescued`. One that is marked `partial` is not complete: take the newest that is
not, and put its ID in the place of `latest`. To get one album only, add at the
end of the command:

    --include \"/albums/OWNER/ALBUM\"
"
    )
}
