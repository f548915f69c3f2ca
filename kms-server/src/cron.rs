//! Periodic work, woken by tokio-cron-scheduler.

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::service::Service;

/// Starts the periodic work: what is due happens, last uses and the time of the clock are stored, and audit files past
/// their time are removed. Once is at once: for what fell due while no server ran, and for a server that does not live
/// until the first time of the cron expression. It ends when the scheduler is dropped.
///
/// Nothing waits for it that must be exact: the writer wakes by itself at the next due event. Both, and whoever advances
/// the clock, let things happen in one and the same way.
///
/// # Errors
/// The scheduler cannot start.
pub async fn start(service: &Service, expression: &str) -> Result<JobScheduler, JobSchedulerError> {
    tick(service).await;
    let scheduler = JobScheduler::new().await?;
    let service = service.clone();
    let job = Job::new_async(expression, move |_, _| {
        let service = service.clone();
        Box::pin(async move { tick(&service).await })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}

async fn tick(service: &Service) {
    // Storing anything lets happen first what is due.
    if let Err(error) = service.parts().engine.fold_ledger().await {
        tracing::warn!(%error, "last uses were not stored; they will be tried again the next time");
    }
    service.parts().audit.remove_expired();
}
