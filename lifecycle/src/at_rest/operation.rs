//! What works in which status: one table.

use serde::{Deserialize, Serialize};

use super::error::Refusal;
use super::table::{Status, Table};

/// What a request to the table store does, by the names of DynamoDB's API; the last ones are the store's own work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the operations are AWS's, and named as AWS names them")]
pub enum Operation {
    GetItem,
    BatchGetItem,
    Query,
    Scan,
    TransactGetItems,
    PutItem,
    UpdateItem,
    DeleteItem,
    BatchWriteItem,
    TransactWriteItems,
    ExecuteStatement,
    BatchExecuteStatement,
    ExecuteTransaction,
    GetRecords,
    DescribeTable,
    ListTables,
    DescribeStream,
    ListStreams,
    GetShardIterator,
    UpdateTable,
    UpdateTimeToLive,
    DescribeTimeToLive,
    CreateBackup,
    ListBackups,
    DescribeBackup,
    UpdateContinuousBackups,
    DescribeContinuousBackups,
    UpdateContributorInsights,
    DescribeContributorInsights,
    DescribeKinesisStreamingDestination,
    TagResource,
    UntagResource,
    ListTagsOfResource,
    GetResourcePolicy,
    PutResourcePolicy,
    DeleteResourcePolicy,
    ExportTableToPointInTime,
    DeleteTable,
    /// A delete by time to live.
    TtlDelete,
    /// Replication to or from another Region.
    Replicate,
    /// Other work of the service on the table's data.
    Maintain,
}

/// What kind of work an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// Touches items or stream records: needs the key, and a table that has them.
    Data,
    /// Changes a setting or copies data, for which the caller must be able to use the key.
    Keyed,
    /// Changes a setting without the key.
    Setting,
    /// Only looks.
    Look,
    /// Looks, but not at an archived table.
    LookWhileThere,
    /// The deletion of the table.
    Delete,
    /// Is done by the service.
    Service,
}

impl Operation {
    /// AWS (observed) for ACTIVE and INACCESSIBLE_ENCRYPTION_CREDENTIALS of most operations; by analogy for the others.
    pub(super) fn nature(self) -> Nature {
        match self {
            Operation::GetItem
            | Operation::BatchGetItem
            | Operation::Query
            | Operation::Scan
            | Operation::TransactGetItems
            | Operation::PutItem
            | Operation::UpdateItem
            | Operation::DeleteItem
            | Operation::BatchWriteItem
            | Operation::TransactWriteItems
            | Operation::ExecuteStatement
            | Operation::BatchExecuteStatement
            | Operation::ExecuteTransaction
            | Operation::GetRecords => Nature::Data,
            Operation::UpdateTimeToLive
            | Operation::CreateBackup
            | Operation::UpdateContributorInsights
            | Operation::ExportTableToPointInTime => Nature::Keyed,
            Operation::UpdateTable
            | Operation::UpdateContinuousBackups
            | Operation::TagResource
            | Operation::UntagResource
            | Operation::PutResourcePolicy
            | Operation::DeleteResourcePolicy => Nature::Setting,
            Operation::DescribeTable
            | Operation::ListTables
            | Operation::DescribeStream
            | Operation::ListStreams
            | Operation::GetShardIterator
            | Operation::DescribeTimeToLive
            | Operation::ListBackups
            | Operation::DescribeBackup
            | Operation::DescribeContributorInsights
            | Operation::DescribeKinesisStreamingDestination => Nature::Look,
            Operation::DescribeContinuousBackups
            | Operation::ListTagsOfResource
            | Operation::GetResourcePolicy => Nature::LookWhileThere,
            Operation::DeleteTable => Nature::Delete,
            Operation::TtlDelete | Operation::Replicate | Operation::Maintain => Nature::Service,
        }
    }

    /// Whether the operation writes items, which a global table with strong consistency does everywhere or nowhere.
    pub(super) fn writes(self) -> bool {
        matches!(
            self,
            Operation::PutItem
                | Operation::UpdateItem
                | Operation::DeleteItem
                | Operation::BatchWriteItem
                | Operation::TransactWriteItems
                | Operation::ExecuteStatement
                | Operation::BatchExecuteStatement
                | Operation::ExecuteTransaction
        )
    }

    /// Whether the key has to be usable.
    #[must_use]
    pub fn needs_key(self) -> bool {
        matches!(self.nature(), Nature::Data | Nature::Keyed | Nature::Service)
    }

    /// The answer to the operation on no table at all.
    pub(super) fn without_table(self, name: &str) -> Refusal {
        match self {
            Operation::CreateBackup
            | Operation::UpdateContinuousBackups
            | Operation::DescribeContinuousBackups
            | Operation::ExportTableToPointInTime => Refusal::no_table_to_back_up(name),
            operation if operation.nature() == Nature::Data => Refusal::not_found(),
            _ => Refusal::no_table(name),
        }
    }

    /// Whether the table's status lets the operation begin; whether it gets the key is another question.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `TableNotFoundException` or `ResourceInUseException`.
    pub(super) fn admit(self, table: &Table) -> Result<(), Refusal> {
        let name = &table.name.name;
        let nature = self.nature();
        let updating = || Refusal::in_use(&format!("Table: {name} is in the process of being updated."));
        match table.status {
            Status::Active | Status::Inaccessible { .. } => match nature {
                Nature::Delete if table.switch.is_some() => Err(updating()),
                _ => Ok(()),
            },
            Status::Creating => match (self, nature) {
                (Operation::DescribeTimeToLive, _) | (_, Nature::Data | Nature::Service) => {
                    Err(self.without_table(name))
                }
                (Operation::CreateBackup | Operation::ExportTableToPointInTime, _) => {
                    Err(self.without_table(name))
                }
                (_, Nature::Look | Nature::LookWhileThere) => Ok(()),
                _ => Err(Refusal::in_use(&format!("Table is being created: {name}"))),
            },
            Status::Archiving { .. } => match nature {
                Nature::Look | Nature::LookWhileThere => Ok(()),
                Nature::Data | Nature::Service => Err(Refusal::not_found()),
                _ => Err(Refusal::in_use(&format!("Table is being archived: {name}"))),
            },
            Status::Archived { .. } => match (self, nature) {
                (_, Nature::Look | Nature::Delete) => Ok(()),
                (
                    Operation::DescribeContinuousBackups
                    | Operation::UpdateContinuousBackups
                    | Operation::CreateBackup
                    | Operation::ExportTableToPointInTime,
                    _,
                ) => Err(Refusal::no_table_to_back_up(name)),
                (_, Nature::Data | Nature::Service) => Err(Refusal::not_found()),
                (Operation::ListTagsOfResource, _) => Err(Refusal::new(
                    "ResourceNotFoundException",
                    format!("Requested resource not found: ResourceArn: {} not found", table.name.arn()),
                )),
                _ => Err(Refusal::no_table(name)),
            },
            Status::Deleting => match nature {
                Nature::Look => Ok(()),
                Nature::Data | Nature::Service => Err(Refusal::not_found()),
                _ => Err(Refusal::in_use(&format!("Table is being deleted: {name}"))),
            },
        }
    }
}
