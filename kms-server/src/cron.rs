//! Periodic work, woken by tokio-cron-scheduler.

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::service::Service;

/// When the periodic work runs: at the start of every minute.
const EVERY_MINUTE: &str = "0 * * * * *";

/// Starts the periodic work: last uses are stored, and audit files past their time are removed, which is done at once
/// for a server that does not live a minute. It ends when the scheduler is dropped.
///
/// # Errors
/// The scheduler cannot start.
pub async fn start(service: &Service) -> Result<JobScheduler, JobSchedulerError> {
    service.parts().audit.remove_expired();
    let scheduler = JobScheduler::new().await?;
    let service = service.clone();
    let job = Job::new_async(EVERY_MINUTE, move |_, _| {
        let service = service.clone();
        Box::pin(async move {
            if let Err(error) = service.parts().engine.fold_ledger().await {
                tracing::warn!(%error, "last uses were not stored; they will be tried again in a minute");
            }
            service.parts().audit.remove_expired();
        })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
