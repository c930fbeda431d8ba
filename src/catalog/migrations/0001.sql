-- The catalog, version 1. Never edited once released: what comes later comes as 0002.sql.
--
-- Conventions
--   row        a private number, good inside this file only; `id` is the name that the world knows.
--   *_at       nanoseconds since 1970-01-01 00:00 UTC; moments outside 1677..2262 stand at the end of that range.
--   taken_at   the clock on the wall where it was taken, as text: 2014-08-03T14:22:33.
--   needs_*    work that is still to be done on the row; set with the change that asks for it, so that an
--              interrupted run leaves it standing and the next run does it.
--   words      (outcome, kind, condition, depth, role, job, ...) are those of the model and of the JSON output.
--   generation counts changes of meaning; the triggers at the end say what has meaning, and so belongs into a backup.

-- This catalog is the catalog of the archive `id`, and its meaning has changed `generation` times.
CREATE TABLE archive (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    id         TEXT    NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Photos are read from this place: a folder of the file system `volume`, or what later kinds call their root.
CREATE TABLE source (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL,
    volume TEXT,                               -- the file system's own uuid, where it has one
    root   BLOB NOT NULL,                      -- absolute, or relative to the volume; any bytes
    name   TEXT NOT NULL                       -- as the person named it last
) STRICT;
CREATE UNIQUE INDEX source_by_identity ON source (kind, ifnull(volume, ''), root);

-- One job was begun at `started_at`. Without `finished_at` it is going on, or was cut off.
CREATE TABLE run (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job         TEXT    NOT NULL,
    source      INTEGER REFERENCES source (id),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    outcome     TEXT CHECK (outcome IN ('done', 'problems', 'failed', 'interrupted')),
    report      TEXT,                          -- the report that was printed, as JSON
    CHECK ((finished_at IS NULL) = (outcome IS NULL))
) STRICT;

-- In this run, this could not be done to this file.
CREATE TABLE problem (
    run      INTEGER NOT NULL REFERENCES run (id),
    position INTEGER NOT NULL,
    path     TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

-- The archive keeps these bytes. A row is written only after the bytes are durable.
CREATE TABLE object (
    row              INTEGER PRIMARY KEY,
    id               BLOB    NOT NULL UNIQUE CHECK (length(id) = 32),     -- BLAKE3
    sha1             BLOB    NOT NULL CHECK (length(sha1) = 20),
    size             INTEGER NOT NULL,
    kind             TEXT    NOT NULL,
    kept_at          INTEGER NOT NULL,
    examined_version INTEGER NOT NULL DEFAULT 0,   -- of the examiner that wrote the seven columns below; 0: none yet
    condition        TEXT,
    depth            TEXT,
    good_percent     INTEGER,
    finding          TEXT,
    facts            TEXT,                         -- model::Facts as JSON
    payload          BLOB CHECK (length(payload) = 16),   -- model::Payload: the same in files that differ in metadata only
    look             BLOB CHECK (length(look) = 40),      -- model::Look
    CHECK ((examined_version = 0) = (condition IS NULL))
) STRICT;
CREATE INDEX object_by_examination ON object (examined_version, id);
CREATE INDEX object_by_payload ON object (payload) WHERE payload IS NOT NULL;

-- Files were met in this folder of this source. `path` ends with its slash, and is empty at the top:
-- folder path + file name is the exact path, whatever its bytes.
CREATE TABLE folder (
    row            INTEGER PRIMARY KEY,
    source         INTEGER NOT NULL REFERENCES source (id),
    path           BLOB    NOT NULL,
    needs_grouping INTEGER NOT NULL DEFAULT 0,     -- files that belong together have not been looked for
    UNIQUE (source, path)
) STRICT;
CREATE INDEX folder_to_group ON folder (row) WHERE needs_grouping = 1;

-- These bytes were seen at this path in this source, then. A file that changed has one row for each of its states, the
-- newest last; nothing is ever taken away because it was not seen again.
CREATE TABLE sighting (
    row           INTEGER PRIMARY KEY,
    folder        INTEGER NOT NULL REFERENCES folder (row),
    name          BLOB    NOT NULL,
    owner         TEXT    NOT NULL,                -- for whom it was read first
    outcome       TEXT    NOT NULL CHECK (outcome IN ('kept', 'ignored', 'empty', 'unreadable')),
    object        INTEGER REFERENCES object (row),
    size          INTEGER NOT NULL,                -- stamp: size, modified_at, inode (64 bits, signed)
    modified_at   INTEGER,
    inode         INTEGER NOT NULL,
    reason        TEXT,                            -- why it was unreadable
    first_seen_at INTEGER NOT NULL,
    read_run      INTEGER REFERENCES run (id),     -- that read the bytes last; none after an import
    last_run      INTEGER REFERENCES run (id),     -- that met it last
    CHECK ((outcome = 'kept') = (object IS NOT NULL))
) STRICT;
CREATE INDEX sighting_by_place ON sighting (folder, name);
CREATE INDEX sighting_by_object ON sighting (object) WHERE object IS NOT NULL;

-- The owner has this photo; its original is this object.
CREATE TABLE photo (
    row             INTEGER PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    owner           TEXT    NOT NULL,
    object          INTEGER NOT NULL REFERENCES object (row),
    added_at        INTEGER NOT NULL,
    path            TEXT,                          -- in every snapshot; none until described
    path_key        TEXT UNIQUE,                   -- the path as a file system that ignores case sees it
    description     TEXT,                          -- catalog::Description as JSON: what files say
    name            TEXT    NOT NULL,              -- from here to camera: copies of description and `said`, to sort and search by
    taken_at        TEXT,
    taken_at_source TEXT,
    camera          TEXT,
    needs_describing INTEGER NOT NULL DEFAULT 1,
    needs_path       INTEGER NOT NULL DEFAULT 1,   -- none yet, or `taken_at` has changed since it was given
    deleted_at      INTEGER,                       -- in the trash since then
    UNIQUE (owner, object)
) STRICT;
CREATE INDEX photo_by_object ON photo (object);
CREATE INDEX photo_by_time ON photo (taken_at) WHERE deleted_at IS NULL;
CREATE INDEX photo_in_trash ON photo (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX photo_to_describe ON photo (id) WHERE needs_describing = 1;

-- This object belongs to this photo: its raw file, its moving half, its sidecar.
CREATE TABLE companion (
    photo    INTEGER NOT NULL REFERENCES photo (row) ON DELETE CASCADE,
    object   INTEGER NOT NULL REFERENCES object (row),
    role     TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    path     TEXT,                                 -- in every snapshot, beside the photo
    path_key TEXT UNIQUE,
    PRIMARY KEY (photo, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX companion_by_object ON companion (object);

-- A person said this about this photo. It wins over every file and every machine.
CREATE TABLE said (
    photo INTEGER NOT NULL REFERENCES photo (row),
    what  TEXT    NOT NULL,                        -- 'caption', 'rating', 'taken-at'
    value TEXT    NOT NULL,                        -- JSON
    at    INTEGER NOT NULL,
    PRIMARY KEY (photo, what)
) STRICT, WITHOUT ROWID;

-- The photo has this keyword. Made from its description.
CREATE TABLE tag (
    photo INTEGER NOT NULL REFERENCES photo (row) ON DELETE CASCADE,
    name  TEXT    NOT NULL,
    PRIMARY KEY (photo, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_by_name ON tag (name COLLATE NOCASE);

-- The owner has an album of this name; snapshots show it as `folder`.
CREATE TABLE album (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    folder     TEXT    NOT NULL,
    folder_key TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (owner, name),
    UNIQUE (owner, folder_key)
) STRICT;

-- The photo is in the album, at this place in its order.
CREATE TABLE album_photo (
    album    INTEGER NOT NULL REFERENCES album (id),
    photo    INTEGER NOT NULL REFERENCES photo (row),
    position INTEGER NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (album, photo)
) STRICT, WITHOUT ROWID;
CREATE INDEX album_photo_by_photo ON album_photo (photo);

-- The owner deleted these bytes; met again, they stay deleted. Outlives the photo and the object.
CREATE TABLE tombstone (
    owner      TEXT    NOT NULL,
    object     BLOB    NOT NULL CHECK (length(object) = 32),
    photo      TEXT    NOT NULL,                   -- the id of the photo that was deleted
    deleted_at INTEGER NOT NULL,
    PRIMARY KEY (owner, object)
) STRICT, WITHOUT ROWID;

-- A person changed something; `undo` says how to take it back, as JSON.
CREATE TABLE operation (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    what      TEXT    NOT NULL,                    -- in words: deleted 3 photos
    undo      TEXT    NOT NULL,
    undone_at INTEGER
) STRICT;

-- Something is known about the repository that the settings call by this key.
CREATE TABLE repository (
    row INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;

-- The repository holds this snapshot, made when the catalog stood at `generation`.
CREATE TABLE snapshot (
    repository INTEGER NOT NULL REFERENCES repository (row),
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,                   -- of the repository, in the settings of that day
    at         INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    complete   INTEGER NOT NULL CHECK (complete IN (0, 1)),
    files      INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    PRIMARY KEY (repository, id)
) STRICT, WITHOUT ROWID;

-- The repository was checked then, and was whole or not as far as was looked.
CREATE TABLE repository_check (
    repository INTEGER NOT NULL REFERENCES repository (row),
    at         INTEGER NOT NULL,
    ok         INTEGER NOT NULL CHECK (ok IN (0, 1)),
    read_bytes INTEGER NOT NULL,                   -- of packs read back and compared; 0: structure only
    PRIMARY KEY (repository, at)
) STRICT, WITHOUT ROWID;

-- The object was read back whole from the repository, last at this time.
CREATE TABLE proof (
    repository INTEGER NOT NULL REFERENCES repository (row),
    object     INTEGER NOT NULL REFERENCES object (row),
    at         INTEGER NOT NULL,
    PRIMARY KEY (repository, object)
) STRICT, WITHOUT ROWID;
CREATE INDEX proof_by_object ON proof (object);

-- The words to find a photo by; the rowid is the photo's row. Can be thrown away and made again.
CREATE VIRTUAL TABLE words USING fts5 (
    name, caption, tags, albums, camera, folders,
    content = '', contentless_delete = 1, prefix = '2 3',
    tokenize = 'unicode61 remove_diacritics 2'
);

-- What has meaning. A backup is skipped while the generation stands still, so a change that is not counted here would
-- not be backed up: runs, proofs, snapshots, needs_* and what can be made again are the only things left out.
CREATE TRIGGER source_added AFTER INSERT ON source
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER source_changed AFTER UPDATE ON source WHEN old.name IS NOT new.name
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER source_gone AFTER DELETE ON source
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER object_added AFTER INSERT ON object
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER object_changed AFTER UPDATE ON object
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER object_gone AFTER DELETE ON object
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER sighting_added AFTER INSERT ON sighting WHEN new.outcome <> 'ignored'
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER sighting_changed AFTER UPDATE OF size, modified_at, outcome, object, reason ON sighting
    WHEN old.size <> new.size OR old.modified_at IS NOT new.modified_at OR old.outcome <> new.outcome
        OR old.object IS NOT new.object OR old.reason IS NOT new.reason
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER sighting_gone AFTER DELETE ON sighting WHEN old.outcome <> 'ignored'
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER photo_added AFTER INSERT ON photo
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER photo_changed AFTER UPDATE OF object, path, description, name, taken_at, taken_at_source, deleted_at ON photo
    WHEN old.object <> new.object OR old.path IS NOT new.path OR old.description IS NOT new.description
        OR old.name <> new.name OR old.taken_at IS NOT new.taken_at OR old.taken_at_source IS NOT new.taken_at_source
        OR old.deleted_at IS NOT new.deleted_at
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER photo_gone AFTER DELETE ON photo
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER companion_added AFTER INSERT ON companion
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER companion_changed AFTER UPDATE ON companion
    WHEN old.photo <> new.photo OR old.role <> new.role OR old.name <> new.name OR old.path IS NOT new.path
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER companion_gone AFTER DELETE ON companion
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER said_added AFTER INSERT ON said
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER said_changed AFTER UPDATE ON said
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER said_gone AFTER DELETE ON said
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER album_added AFTER INSERT ON album
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER album_changed AFTER UPDATE ON album
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER album_gone AFTER DELETE ON album
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER album_photo_added AFTER INSERT ON album_photo
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER album_photo_changed AFTER UPDATE ON album_photo
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER album_photo_gone AFTER DELETE ON album_photo
    BEGIN UPDATE archive SET generation = generation + 1; END;

CREATE TRIGGER tombstone_added AFTER INSERT ON tombstone
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER tombstone_changed AFTER UPDATE ON tombstone
    BEGIN UPDATE archive SET generation = generation + 1; END;
CREATE TRIGGER tombstone_gone AFTER DELETE ON tombstone
    BEGIN UPDATE archive SET generation = generation + 1; END;
