//! The connection to the kernel's IPVS: opened when it is first needed, and again after it failed.
//!
//! What to do, and when to try again what was refused, is the agent's to say.

use std::collections::BTreeSet;

use crate::core::observed::Observed;
use crate::core::plan::Op;
use crate::ipvs::handle::{Refusal, Request};
use crate::ipvs::{Handle, IpvsError};

/// Dumps the kernel's table and changes it.
#[derive(Debug, Default)]
pub struct Executor {
    handle: Option<Handle>,
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
        self.after(result)
    }

    /// Applies operations in order. One that is refused does not stop the others; the first refusal is the error, and a
    /// new dump tells what was done.
    pub async fn apply(&mut self, ops: &[Op]) -> Result<(), IpvsError> {
        let result = match self.handle().await {
            Ok(handle) => handle.apply(ops).await.and_then(first_refusal),
            Err(error) => Err(error),
        };
        self.after(result)
    }

    async fn handle(&mut self) -> Result<&mut Handle, IpvsError> {
        match &mut self.handle {
            Some(handle) => Ok(handle),
            empty @ None => Ok(empty.insert(Handle::connect().await?)),
        }
    }

    /// Whatever is wrong with a socket, or with what waits in it: a new one starts clean.
    fn after<T>(&mut self, result: Result<T, IpvsError>) -> Result<T, IpvsError> {
        if let Err(error) = &result
            && !matches!(error, IpvsError::Refused(_))
        {
            self.handle = None;
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
            tracing::warn!(service = %op.key(), reason = %refusal, "ipvs change refused");
        }
    }
    refusals.into_iter().next().map_or(Ok(()), |refusal| Err(refusal.into()))
}
