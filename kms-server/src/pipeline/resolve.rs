//! From the identifiers of a request to keys and aliases, with AWS's error for each way to fail.
//!
//! AWS: KMS developer guide, "Key identifiers (KeyId)"; texts observed.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lifecycle::crypto::envelope;
use lifecycle::ids::{AliasArn, KeyArn, KeyReference, KeyReferenceError, MaterialId, Scope};
use lifecycle::key::Key;
use lifecycle::managed;
use lifecycle::policy::Principal;
use lifecycle::state::View;
use serde_json::{Value, json};

use super::{Request, Resource, Trace};
use crate::api::error::{ErrorCode, KmsError};
use crate::api::validate::decoded_len;
use crate::auth::Caller;
use crate::operations::declaration::{Forms, Reach, Target};
use crate::operations::registry::Body;
use crate::operations::{Resolved, ResolvedKey, Unmade};

/// Looks up everything that the request names, in the declared order.
pub(super) fn resolve(
    request: &Request<'_>,
    view: View<'_>,
    trace: &mut Trace,
) -> Result<Resolved, KmsError> {
    let mut resolved = Resolved::default();
    for target in request.entry.declaration.targets {
        match target {
            Target::Key { member, forms, action, .. } => {
                let Some(text) = text(request, member) else { continue };
                let lookup = Lookup { request, view, action, subject: Subject::Named };
                let key = match lookup.key(text, *forms) {
                    Ok(key) => {
                        trace.resources.push(Resource::Key(key.arn));
                        key
                    }
                    Err(error) => {
                        let unmade = lookup.unmade(text).ok_or(error);
                        let unmade =
                            unmade.inspect_err(|error| explain(request, action, text, error, trace))?;
                        let key = Arc::clone(&unmade.key);
                        resolved.unmade = Some(Box::new(unmade));
                        key
                    }
                };
                resolved.keys.push(ResolvedKey { key, material: None });
            }
            Target::Ciphertext { key, algorithm, action } => {
                let lookup = Lookup { request, view, action, subject: Subject::Named };
                let key = text(request, key);
                let found = lookup.ciphertext(key, text(request, algorithm), trace);
                let (found, belongs) =
                    found.inspect_err(|error| explain(request, action, key.unwrap_or("*"), error, trace))?;
                resolved.keys.push(found);
                if belongs == Belongs::Elsewhere {
                    // AWS (observed): the destination of ReEncrypt is not looked at any more.
                    resolved.is_of_other_key = true;
                    break;
                }
            }
            Target::Replica { member, .. } => {
                // What is wrong if there is none, the operation says once the request is authorised.
                let region = text(request, member).and_then(|region| region.parse().ok());
                let primary = resolved.keys.first().filter(|found| found.key.is_primary());
                let replica = primary.zip(region).and_then(|(found, region)| {
                    let named = found.key.replicas().find(|arn| arn.scope.region == region)?;
                    view.key(&named).cloned()
                });
                resolved.keys.extend(replica.map(|key| ResolvedKey { key, material: None }));
            }
            Target::Alias { member } => {
                let Some(name) = text(request, member) else { continue };
                let lookup = Lookup { request, view, action: "", subject: Subject::Named };
                let arn = AliasArn { scope: request.caller.scope(), name: lookup.alias_name(name)? };
                let alias = view.alias(&arn).ok_or_else(|| alias_not_found(&arn.to_string()))?;
                let target = KeyArn { scope: arn.scope, id: alias.target };
                trace.resources.push(Resource::Alias(arn));
                // Where the alias is all that is named, the request concerns the key behind it, too.
                if let [Target::Alias { .. }] = request.entry.declaration.targets {
                    trace.resources.push(Resource::Key(target));
                }
                resolved.behind_alias = super::authorize::behind(view, &alias.arn).cloned();
                resolved.alias = Some(Arc::clone(alias));
            }
        }
    }
    Ok(resolved)
}

fn text<'a>(request: &Request<'a>, member: &str) -> Option<&'a str> {
    request.input.get(member).and_then(Value::as_str)
}

/// Notes why a look-up ends in a denial, which hides it from the caller.
fn explain(request: &Request<'_>, action: &str, resource: &str, error: &KmsError, trace: &mut Trace) {
    if error.code != ErrorCode::AccessDeniedException {
        return;
    }
    let missing = match request.entry.declaration.reach {
        Reach::OwnAccount => format!("Only principals of the key's account may use kms:{action}."),
        Reach::AnyAccount => "There is no such key or alias in this Region.".to_owned(),
    };
    trace.denial = Some(json!({
        "principal": request.caller.arn(),
        "action": format!("kms:{action}"),
        "resource": resource,
        "explanation": {
            "decision": "deny",
            "explicit": false,
            "message": error.message,
            "reasons": [],
            "missing": missing,
        },
    }));
}

/// Whether a ciphertext belongs to the key that was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Belongs {
    /// It does, or nothing says that it does not.
    Here,
    /// The request names another key.
    Elsewhere,
}

/// What a refusal calls the resource.
#[derive(Clone, Copy)]
enum Subject {
    /// Named by an identifier in the request.
    Named,
    /// Named by the ciphertext alone.
    Ciphertext,
}

struct Lookup<'a> {
    request: &'a Request<'a>,
    view: View<'a>,
    action: &'static str,
    subject: Subject,
}

impl Lookup<'_> {
    fn key(&self, text: &str, forms: Forms) -> Result<Arc<Key>, KmsError> {
        let reference = KeyReference::parse(text);
        let looks_like_alias =
            text.starts_with("alias/") || reference.as_ref().is_ok_and(KeyReference::is_alias);
        if forms != Forms::Any && looks_like_alias {
            return Err(KmsError::new(
                ErrorCode::InvalidArnException,
                "Key Aliases are not supported for this operation.",
            ));
        }
        match reference.map_err(|error| self.malformed(text, error))? {
            KeyReference::Id(id) => self.find(KeyArn { scope: self.home(), id }),
            KeyReference::Arn(arn) => {
                self.check_region(arn.scope)?;
                self.find(arn)
            }
            KeyReference::Alias(name) => self.find_alias(&AliasArn { scope: self.home(), name }),
            KeyReference::AliasArn(arn) => {
                self.check_region(arn.scope)?;
                self.find_alias(&arn)
            }
        }
    }

    fn home(&self) -> Scope {
        self.request.caller.scope()
    }

    fn find(&self, arn: KeyArn) -> Result<Arc<Key>, KmsError> {
        self.check_reach(arn.scope)?;
        match self.view.key(&arn).filter(|_| self.sees(arn.scope)) {
            Some(key) => Ok(Arc::clone(key)),
            None if arn.scope.account != self.home().account => Err(self.denied()),
            None => Err(not_found(format!("Key '{arn}' does not exist"))),
        }
    }

    fn find_alias(&self, arn: &AliasArn) -> Result<Arc<Key>, KmsError> {
        self.check_reach(arn.scope)?;
        if let Some(alias) = self.view.alias(arn) {
            return self.find(KeyArn { scope: arn.scope, id: alias.target });
        }
        if arn.scope.account != self.home().account {
            return Err(self.denied());
        }
        Err(alias_not_found(&arn.to_string()))
    }

    /// The key that AWS would make for this request, because it names a predefined alias that has none yet: for
    /// DescribeKey, and for whatever a service asks. A ciphertext makes no key, because none could open it.
    ///
    /// AWS: KMS API reference, "DescribeKey", predefined aliases.
    fn unmade(&self, text: &str) -> Option<Unmade> {
        let alias = match KeyReference::parse(text).ok()? {
            KeyReference::Alias(name) => AliasArn { scope: self.home(), name },
            KeyReference::AliasArn(alias) => alias,
            KeyReference::Id(_) | KeyReference::Arn(_) => return None,
        };
        let Request { entry, circumstances, .. } = self.request;
        let makes = matches!(entry.body, Body::Query(_))
            && (entry.name() == "DescribeKey" || circumstances.via().is_some() || self.is_service());
        let here = alias.scope.region == self.home().region
            && (alias.scope.account == self.home().account || self.is_service());
        if !makes || !here || self.view.alias(&alias).is_some() {
            return None;
        }
        let key = Arc::new(managed::planned(&alias, self.view.now())?);
        Some(Unmade { alias, key })
    }

    fn is_service(&self) -> bool {
        matches!(self.request.caller.principal(), Principal::Service(_))
    }

    /// Whether the caller may know what is there: of the keys that AWS owns, nobody but its services does.
    fn sees(&self, scope: Scope) -> bool {
        !scope.account.is_aws() || self.is_service()
    }

    fn alias_name(&self, name: &str) -> Result<lifecycle::ids::AliasName, KmsError> {
        name.parse().map_err(|_| alias_not_found(&self.home().arn_of(name)))
    }

    fn check_region(&self, scope: Scope) -> Result<(), KmsError> {
        if scope.region == self.home().region {
            return Ok(());
        }
        Err(not_found(format!("Invalid arn {}", scope.region)))
    }

    /// AWS (observed): the sentence, on CreateAlias; the code is not known.
    fn check_reach(&self, scope: Scope) -> Result<(), KmsError> {
        // Services belong to no account of a customer; what they may do there, policies say.
        let foreign = scope.account != self.home().account && !self.is_service();
        if foreign && self.request.entry.declaration.reach == Reach::OwnAccount {
            return Err(KmsError::new(
                ErrorCode::AccessDeniedException,
                "This operation cannot be called cross account",
            ));
        }
        Ok(())
    }

    fn malformed(&self, text: &str, error: KeyReferenceError) -> KmsError {
        match error {
            KeyReferenceError::MalformedId if text.starts_with("alias/") => {
                alias_not_found(&self.home().arn_of(text))
            }
            KeyReferenceError::MalformedId => not_found(format!("Invalid keyId '{text}'")),
            KeyReferenceError::MalformedIdInArn => {
                let id = text.rsplit_once(":key/").map_or(text, |(_, id)| id);
                not_found(format!("Invalid keyId {id}"))
            }
            // Which of the two codes AWS sends is not known; operations that declare the first get it.
            KeyReferenceError::MalformedArn => {
                let declared = self.request.entry.declaration.model.errors;
                let code = match declared.contains(&ErrorCode::InvalidArnException) {
                    true => ErrorCode::InvalidArnException,
                    false => ErrorCode::NotFoundException,
                };
                KmsError::new(code, format!("Invalid arn {text}"))
            }
        }
    }

    fn denied(&self) -> KmsError {
        let resource = match self.subject {
            Subject::Named => "this resource",
            Subject::Ciphertext => "the resource associated with this ciphertext",
        };
        denied(self.request.caller, self.action, resource)
    }

    /// The key that a symmetric ciphertext names; the one that an identifier beside it names, if that is another.
    fn ciphertext(
        &self,
        key: Option<&str>,
        algorithm: Option<&str>,
        trace: &mut Trace,
    ) -> Result<(ResolvedKey, Belongs), KmsError> {
        let named = key.map(|text| self.key(text, Forms::Any)).transpose()?;
        let blob = text(self.request, "CiphertextBlob");
        let symmetric = algorithm.is_none_or(|algorithm| algorithm == "SYMMETRIC_DEFAULT");
        let ignored = self.request.input.get("DryRunModifiers").and_then(Value::as_array);
        let ignored = ignored.is_some_and(|modifiers| !modifiers.is_empty());
        let (Some(blob), true, false) = (blob, symmetric, ignored) else {
            let key = named.ok_or_else(|| KmsError::validation("KeyId must not be null"))?;
            trace.resources.push(Resource::Key(key.arn));
            return Ok((ResolvedKey { key, material: None }, Belongs::Here));
        };
        let invalid = || KmsError::bare(ErrorCode::InvalidCiphertextException);
        let material = material_named_by(blob).ok_or_else(invalid)?;
        let found = self.key_of_material(material, named.as_ref());
        let lookup = Lookup {
            subject: match named {
                Some(_) => Subject::Named,
                None => Subject::Ciphertext,
            },
            ..*self
        };
        let key = found.ok_or_else(|| lookup.denied())?;
        trace.resources.push(Resource::Key(key.arn));
        Ok(match named {
            Some(named) if named.arn != key.arn => {
                (ResolvedKey { key: named, material: None }, Belongs::Elsewhere)
            }
            _ => (ResolvedKey { key, material: Some(material) }, Belongs::Here),
        })
    }

    /// Keys of several accounts, and related multi-Region keys, may share material: the named key comes first,
    /// then one of the caller's own.
    fn key_of_material(&self, material: MaterialId, named: Option<&Arc<Key>>) -> Option<Arc<Key>> {
        let here = || {
            let all = self.view.keys_with_material(material);
            all.filter(|key| key.arn.scope.region == self.home().region && self.sees(key.arn.scope))
        };
        here()
            .find(|key| named.is_some_and(|named| named.arn == key.arn))
            .or_else(|| here().find(|key| key.arn.scope.account == self.home().account))
            .or_else(|| here().next())
            .cloned()
    }
}

/// The material that a blob in base64 names. Only its start is decoded: the operation decodes the whole.
fn material_named_by(blob: &str) -> Option<MaterialId> {
    let mut start = [0; START_LENGTH];
    let characters = blob.get(..START_LENGTH / 3 * 4)?;
    let decoded = STANDARD.decode_slice(characters, &mut start).ok()?;
    envelope::material_named_by(start.get(..decoded)?, decoded_len(blob)?)
}

/// The header in whole groups of three bytes, which are four characters.
const START_LENGTH: usize = envelope::HEADER_LENGTH.next_multiple_of(3);

/// The refusal of another account's resource, which hides whether there is one.
pub(crate) fn denied(caller: &Caller, action: &str, resource: &str) -> KmsError {
    KmsError::new(
        ErrorCode::AccessDeniedException,
        format!(
            "User: {} is not authorized to perform: kms:{action} on {resource} because the resource does not exist \
             in this Region, no resource-based policies allow access, or a resource-based policy explicitly \
             denies access",
            caller.arn()
        ),
    )
}

fn not_found(message: String) -> KmsError {
    KmsError::new(ErrorCode::NotFoundException, message)
}

fn alias_not_found(arn: &str) -> KmsError {
    not_found(format!("Alias {arn} is not found."))
}
