//! Choosing a key for a table: what it must allow is found out by using it.
//!
//! AWS: DynamoDB developer guide, "Authorizing use of your KMS key": DescribeKey and CreateGrant as the caller.

use super::{Cx, Stop};
use crate::at_rest::backup::{Intent, grant_names};
use crate::at_rest::error::Refusal;
use crate::at_rest::name::{Caller, Incarnation, TableName};
use crate::at_rest::port::{KmsOutput, KmsRequest, Reason};
use crate::at_rest::sse::{Protector, Wanted};
use crate::at_rest::table::TableGrant;
use crate::ids::Region;

/// For whom a key is chosen.
pub(super) struct Selection<'s> {
    pub(super) table: &'s TableName,
    pub(super) incarnation: Incarnation,
    pub(super) caller: &'s Caller,
    /// The number of the first grant.
    pub(super) first_grant: u32,
    /// Set if errors shall name the Region of a replica.
    pub(super) replica: Option<Region>,
    pub(super) reason: Reason,
}

impl Selection<'_> {
    /// Checks the wanted key as the caller, and makes the table's grants on it.
    pub(super) fn run(&self, cx: &Cx<'_>, wanted: &Wanted) -> Result<(Protector, Vec<TableGrant>), Stop> {
        let Wanted::Kms(key_id) = wanted else { return Ok((Protector::Owned, Vec::new())) };
        let Selection { table, incarnation, caller, first_grant, replica, reason } = self;
        let region = table.scope.region;
        let refusal = |fault| match replica {
            Some(region) => Refusal::of_kms_in(fault, *region),
            None => Refusal::of_kms(fault),
        };
        let unexpected = || Refusal::internal("KMS internal error: unexpected reply");
        let call = |request| cx.call(table, region, Cx::caller(caller), *reason, request);
        let described = call(KmsRequest::DescribeKey { key_id: key_id.clone() })?;
        let (key, manager) = match described.as_ref().map_err(refusal)? {
            KmsOutput::Described { arn, manager } => (*arn, *manager),
            _ => return Err(unexpected().into()),
        };
        let names = grant_names(*incarnation, key, *first_grant);
        cx.intend(Intent {
            incarnation: *incarnation,
            table: (*table).clone(),
            key,
            caller: (*caller).clone(),
            names: names.clone(),
            retry_at: cx.now,
            attempts: 0,
        });
        let mut grants = Vec::with_capacity(names.len());
        for name in names {
            let granted = call(KmsRequest::CreateGrant { key, name, context: table.context() })?;
            match granted.as_ref().map_err(refusal)? {
                KmsOutput::Granted { grant } => grants.push(TableGrant { key, grant: *grant }),
                _ => return Err(unexpected().into()),
            }
        }
        Ok((Protector::Kms { key, manager }, grants))
    }
}
