//! Keys that AWS makes when they are first needed, and what nobody hears of the keys that AWS owns.

use std::sync::Arc;

use lifecycle::iam::Identity;
use lifecycle::ids::{AccountId, AliasArn};
use lifecycle::managed::{self, Made};
use lifecycle::policy::Principal;
use serde_json::json;

use super::{Behind, Exchange, Service};
use crate::api::error::{ErrorCode, KmsError};
use crate::auth::Caller;
use crate::observe::record::AuditRecord;
use crate::operations::key_metadata;
use crate::operations::registry::{self, Entry};
use crate::pipeline::{Answer, Resource, Trace};

impl Service {
    /// Lets happen what a query has to wait for, and runs it again: what has fallen due happens, and keys are made that it
    /// has been allowed to use and that do not exist yet.
    pub(super) async fn answer_at_last(
        &self,
        entry: &'static Entry,
        exchange: &mut Exchange,
    ) -> Result<Answer, KmsError> {
        // A request names at most two keys, so that it needs at most two rounds for them.
        for _ in 0..=entry.declaration.targets.len() {
            match exchange.trace.unmade.take() {
                Some(alias) => self.provision(*alias, exchange).await?,
                None => self.0.engine.catch_up().await?,
            }
            exchange.trace = Trace::default();
            if let Some(answer) = self.answer(entry, exchange, Behind::Settle) {
                return answer;
            }
        }
        Err(KmsError::bare(ErrorCode::KMSInternalException))
    }

    /// Makes the key behind a predefined alias, unless somebody else has done so meanwhile.
    async fn provision(&self, alias: AliasArn, exchange: &Exchange) -> Result<(), KmsError> {
        let place = self.0.audit.reserve().await.map_err(|_| {
            KmsError::new(ErrorCode::KMSInternalException, "The audit log takes no more records.")
        })?;
        let [event_id, _] = self.ids()?;
        let entropy = Arc::clone(&self.0.entropy);
        let made = self.0.engine.submit(move |draft| {
            let made = managed::provision(draft.state().at(draft.now()), &alias, &*entropy)?;
            if let Some(made) = &made {
                draft.apply(made.changes());
            }
            Ok::<_, KmsError>(made)
        });
        match made.await?? {
            Some(made) if !made.key.arn.scope.account.is_aws() => {
                place.record(|line| created(&made, exchange, event_id.as_str(), line));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Appends the record of the creation: a CreateKey that the service makes.
fn created(made: &Made, exchange: &Exchange, event_id: &str, line: &mut Vec<u8>) {
    let Made { service, key, .. } = made;
    let name = service.principal();
    let caller = Principal::parse(&name).map(|principal| {
        let identity = Arc::new(Identity::undescribed(principal, None));
        Caller::unverified(identity, None, key.arn.scope.region)
    });
    let input = json!({
        "Policy": key.policy.as_str(),
        "Description": &*key.description,
        "KeyUsage": key.usage.as_str(),
        "KeySpec": key.spec.as_str(),
        "Origin": key.origin.as_str(),
    });
    let elements = json!({ "KeyMetadata": key_metadata(key) });
    let trace = Trace { resources: vec![Resource::Key(key.arn)], ..Trace::default() };
    let record = AuditRecord {
        entry: registry::find("CreateKey"),
        caller: caller.as_ref(),
        input: Some(&input),
        elements: Some(&elements),
        trace: &trace,
        error: None,
        at: key.created_at,
        event_id,
        request_id: exchange.request_id.as_str(),
        source_ip: exchange.circumstances.source_ip,
        user_agent: &name,
        region: key.arn.scope.region.as_str(),
        account: key.arn.scope.account.as_str(),
    };
    record.write(line);
}

impl Exchange {
    /// The account whose log the request stands in: that of the caller. A service, which has no log, calls for the
    /// owner of the key.
    pub(super) fn recipient(&self) -> Option<AccountId> {
        let caller = self.caller.as_ref()?.identity.account();
        let owner = || self.trace.keys().map(|key| key.scope.account).find(|account| !account.is_aws());
        if caller.is_aws() { owner().or(Some(caller)) } else { Some(caller) }
    }

    /// Whether the request is recorded at all. What a service does with the keys that AWS owns is not: no customer has
    /// part in it. A request that failed before any key was found is, because it may have been meant for a customer's.
    ///
    /// AWS: KMS developer guide, "AWS owned keys": their use cannot be audited.
    pub(super) fn is_recorded(&self, result: &Result<Answer, KmsError>) -> bool {
        let of_aws = self.recipient().is_some_and(|account| account.is_aws());
        !of_aws || self.trace.resources.is_empty() && result.is_err()
    }
}
