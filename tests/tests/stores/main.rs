//! Stores that keep their tables encrypted, each held to the same contract, and their files searched for plaintext.

#![cfg(test)]

mod file;
mod redb;
mod sqlite;

use std::fs;
use std::path::Path;

use lifecycle::at_rest::sample::contract;

/// Every byte of every file in a folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().flat_map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn a_store_in_a_file_keeps_the_contract() {
    contract::check(file::FileDisk::new).unwrap();
}

#[test]
fn a_table_of_sqlite_keeps_the_contract() {
    contract::check(sqlite::SqliteDisk::new).unwrap();
}

#[test]
fn a_redb_store_keeps_the_contract() {
    contract::check(redb::RedbDisk::new).unwrap();
}
