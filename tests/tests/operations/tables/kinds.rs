//! What scenarios do with keys of particular kinds: imported material, related keys, custom key stores.

use fixtures::ACCOUNT;
use http::Method;
use kms_tests::xks_proxy::Fault;
use lifecycle::at_rest::sample::scenario::read_span;
use serde_json::{Value, json};

use super::super::custom_stores::{CLUSTER, cluster_with, of_cluster, of_proxy};
use super::super::wire::{decoded, encoded};
use super::scenarios::{HOME, HttpWorld, Said, done};
use kms_tests::importing::wrap;

/// What is imported into every key.
const MATERIAL: [u8; 32] = [0xA7; 32];

impl HttpWorld {
    /// Imports the material into a key, for ever or until an instant of the scenario.
    fn import(&self, key: &str, rest: &[&str]) -> Said {
        let wrapping = json!({ "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048" });
        let parameters = self.kms_call("GetParametersForImport", key, wrapping).ok();
        let wrapped = wrap("RSAES_OAEP_SHA_256", &decoded(&parameters["PublicKey"]), &MATERIAL);
        let mut input = json!({
            "ImportToken": parameters["ImportToken"], "EncryptedKeyMaterial": encoded(&wrapped),
            "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
        });
        if let ["until", at] = rest {
            input["ExpirationModel"] = "KEY_MATERIAL_EXPIRES".into();
            input["ValidTo"] = read_span(at).unwrap().after(self.started_at).epoch_seconds().into();
        }
        done(&self.kms_call("ImportKeyMaterial", key, input))
    }

    /// Calls an operation on a store of a scenario's name.
    fn of_store(&self, operation: &str, store: &str) -> Said {
        let input = json!({ "CustomKeyStoreId": self.stores[store] });
        done(&self.kms_of(ACCOUNT, HOME, operation, input))
    }

    fn new_store(&mut self, name: &str, input: Value) -> Said {
        let store = self.kms_of(ACCOUNT, HOME, "CreateCustomKeyStore", input).ok();
        self.stores.insert(name.to_owned(), store["CustomKeyStoreId"].as_str().unwrap().to_owned());
        self.of_store("ConnectCustomKeyStore", name)
    }

    fn put_cluster(&self, members: Value) {
        let path = format!("/_kms/clusters/{CLUSTER}");
        self.control(Method::PUT, &path, &cluster_with(members)).ok();
    }

    pub(super) fn kind_command(&mut self, words: &[&str]) -> Option<Said> {
        let key = words.get(1).map(|name| self.key_id(name)).unwrap_or_default();
        Some(match words {
            ["imported-key", name, rest @ ..] => {
                self.new_key(name, ACCOUNT, HOME, json!({ "Origin": "EXTERNAL" })).unwrap();
                self.import(&self.key_id(name), rest)
            }
            ["import", _, rest @ ..] => self.import(&key, rest),
            ["delete-material", _] => done(&self.kms_call("DeleteImportedKeyMaterial", &key, json!({}))),
            ["rotate", _] => done(&self.kms_call("RotateKeyOnDemand", &key, json!({}))),
            ["cancel-deletion", _] => done(&self.kms_call("CancelKeyDeletion", &key, json!({}))),
            ["alias", alias, name] => {
                let key = self.key_id(name);
                let (region, id) = (key.split(':').nth(3).unwrap(), key.rsplit('/').next().unwrap());
                let input = json!({ "AliasName": alias, "TargetKeyId": id });
                done(&self.kms_of(ACCOUNT, region, "CreateAlias", input))
            }
            ["multi-region-key", name] => self.new_key(name, ACCOUNT, HOME, json!({ "MultiRegion": true })),
            ["replicate-key", _, region, name] => {
                let made = self.kms_call("ReplicateKey", &key, json!({ "ReplicaRegion": region })).ok();
                let arn = made["ReplicaKeyMetadata"]["Arn"].as_str().unwrap().to_owned();
                self.keys.insert((*name).to_owned(), arn);
                Ok("ok".to_owned())
            }
            ["primary", _, region] => {
                done(&self.kms_call("UpdatePrimaryRegion", &key, json!({ "PrimaryRegion": region })))
            }
            ["store", name] => {
                self.put_cluster(json!({}));
                self.new_store(name, of_cluster(name, CLUSTER))
            }
            ["external-store", name] => self.new_store(name, of_proxy(name)),
            ["key-in", store, name] => {
                let input = match self.proxy {
                    None => json!({ "Origin": "AWS_CLOUDHSM" }),
                    Some(_) => json!({ "Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "key-1" }),
                };
                let mut input = input;
                input["CustomKeyStoreId"] = self.stores[*store].as_str().into();
                self.new_key(name, ACCOUNT, HOME, input)
            }
            ["connect", store] => self.of_store("ConnectCustomKeyStore", store),
            ["disconnect", store] => self.of_store("DisconnectCustomKeyStore", store),
            ["backing", _, what] => {
                let fails = *what == "fails";
                match &self.proxy {
                    Some(proxy) => proxy.set_fault(fails.then_some(Fault::Error(500, "InternalException"))),
                    None => self.put_cluster(json!({ "active_hsms": if fails { 0 } else { 2 } })),
                }
                Ok("ok".to_owned())
            }
            ["key-state", _] => {
                let shown = self.kms_call("DescribeKey", &key, json!({}));
                Ok(match shown.status.as_u16() {
                    200 => shown.json()["KeyMetadata"]["KeyState"].as_str().unwrap().to_owned(),
                    _ => shown.code(),
                })
            }
            _ => return None,
        })
    }
}
