-- Schema 1. Names and columns of `meta` stay as they are in every later schema: they are read before anything is migrated.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    slot    INTEGER,
    tag     BLOB    NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Sealed secrets. A row is appended at the end, keeps its size for ever and is only ever overwritten in place, because SQLite leaves stale copies of
-- rows behind in the free space of a page when it moves them to another page, even with secure_delete; a row that never moves has no copies.
CREATE TABLE slots (
    slot  INTEGER PRIMARY KEY,
    size  INTEGER NOT NULL,
    free  INTEGER NOT NULL,
    bytes BLOB    NOT NULL,
    CHECK (length(bytes) = size)
) STRICT;

CREATE INDEX free_slots ON slots (size) WHERE free = 1;
