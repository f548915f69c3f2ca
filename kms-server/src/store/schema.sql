-- Version 1. One table: the store is a log of records, not a place to ask questions.
CREATE TABLE records (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,
    body    BLOB    NOT NULL,
    sealed  BLOB,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- One row: the version of the last batch, and what a right root key is recognised by.
CREATE TABLE store (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    version   INTEGER NOT NULL,
    key_check BLOB    NOT NULL
);
