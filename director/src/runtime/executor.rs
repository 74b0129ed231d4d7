//! Brings the kernel's table to the desired one: dump, plan, apply, and look again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::desired::Desired;
use crate::core::observed::Observed;
use crate::core::plan::{Op, plan};
use crate::ipvs::handle::{Refusal, Request};
use crate::ipvs::{Handle, IpvsError};
use crate::runtime::ownership::{Ownership, OwnershipError};

/// Between the first failure and the second try; doubled with each further failure.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// Longest wait between tries.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// Owns the connection to the kernel's IPVS, which it opens when it is first needed and again after it failed.
#[derive(Debug, Default)]
pub struct Executor {
    handle: Option<Handle>,
    failures: u32,
    trouble: Option<String>,
}

/// Why the table is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The kernel, or the way to it.
    #[error(transparent)]
    Ipvs(#[from] IpvsError),
    /// What is ours could not be written down first.
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
}

/// The result of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// The table after the round, as dumped.
    pub observed: Observed,
    /// What was done; empty when nothing differed.
    pub done: Vec<Op>,
}

impl Executor {
    /// An executor that has not spoken to the kernel yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The kernel's table.
    pub async fn observe(&mut self) -> Result<Observed, IpvsError> {
        let result = match self.handle().await {
            Ok(handle) => handle.dump().await,
            Err(error) => Err(error),
        };
        self.remember(result)
    }

    /// Applies a plan. Operations on other services go on when one is refused; the first refusal is the error, and
    /// the caller's next round plans again from a new dump.
    pub async fn apply(&mut self, plan: &[Op]) -> Result<(), IpvsError> {
        let result = match self.handle().await {
            Ok(handle) => handle.apply(plan).await.and_then(first_refusal),
            Err(error) => Err(error),
        };
        self.remember(result)
    }

    /// One round: writes down what is about to be ours, brings the table to `desired`, and dumps it again when
    /// anything was done. An error leaves what could be done done; call again after [`Self::retry_in`].
    pub async fn reconcile(
        &mut self,
        desired: &Desired,
        ownership: &mut Ownership,
    ) -> Result<Reconciled, ExecutorError> {
        let wanted: BTreeSet<_> = desired.services.keys().copied().collect();
        ownership.claim_services(&wanted)?;
        let mut observed = self.observe().await?;
        let done = plan(desired, &observed, ownership.services());
        if !done.is_empty() {
            for op in &done {
                tracing::info!(service = %op.key(), %op, "ipvs change");
            }
            self.apply(&done).await?;
            observed = self.observe().await?;
        }
        ownership.keep_services(|key| wanted.contains(key) || observed.services.contains_key(key))?;
        Ok(Reconciled { observed, done })
    }

    /// What the last try failed with, for status; nothing when it succeeded.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How long to wait before the next try; nothing when the last one succeeded.
    pub fn retry_in(&self) -> Option<Duration> {
        let doublings = self.failures.checked_sub(1)?.min(16);
        Some(FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY))
    }

    async fn handle(&mut self) -> Result<&mut Handle, IpvsError> {
        match &mut self.handle {
            Some(handle) => Ok(handle),
            empty @ None => Ok(empty.insert(Handle::connect().await?)),
        }
    }

    fn remember<T>(&mut self, result: Result<T, IpvsError>) -> Result<T, IpvsError> {
        match &result {
            Ok(_) => {
                self.failures = 0;
                self.trouble = None;
            }
            Err(error) => {
                if !matches!(error, IpvsError::Refused(_)) {
                    // Whatever is wrong with the socket or with what waits in it, a new one starts clean.
                    self.handle = None;
                }
                self.failures = self.failures.saturating_add(1);
                self.trouble = Some(error.to_string());
            }
        }
        result
    }
}

/// Logs what was refused, once per service: what follows in it fails for the same reason.
fn first_refusal(refusals: Vec<Refusal>) -> Result<(), IpvsError> {
    let mut told = BTreeSet::new();
    for refusal in &refusals {
        if let Request::Op(op) = &refusal.request
            && told.insert(op.key())
        {
            tracing::warn!(service = %op.key(), "{refusal}");
        }
    }
    refusals.into_iter().next().map_or(Ok(()), |refusal| Err(refusal.into()))
}
