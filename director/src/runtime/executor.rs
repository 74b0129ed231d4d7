//! The connection to the kernel's IPVS: opened when it is first needed, and again after it failed.
//!
//! What to do, and when to try again what was refused, is the agent's to say.

use std::collections::BTreeSet;

use crate::core::agent::{Applied, KernelFault};
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

    /// Applies operations in order. One that is refused does not stop the others; the gravest refusal is the outcome, and a
    /// new dump tells what was done.
    pub async fn apply(&mut self, ops: &[Op]) -> Applied {
        let result = match self.handle().await {
            Ok(handle) => handle.apply(ops).await,
            Err(error) => Err(error),
        };
        match self.after(result) {
            Ok(refusals) => outcome_of(&refusals),
            Err(error) => Applied::Failed(KernelFault(error.to_string())),
        }
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
fn outcome_of(refusals: &[Refusal]) -> Applied {
    let mut told = BTreeSet::new();
    for refusal in refusals {
        if let Request::Op(op) = &refusal.request
            && told.insert(op.key())
        {
            tracing::warn!(service = %op.key(), reason = %refusal, "ipvs change refused");
        }
    }
    let fault = |refusal: &Refusal| KernelFault(refusal.to_string());
    match (refusals.iter().find(|refusal| !refusal.is_outdated()), refusals.first()) {
        (Some(refusal), _) => Applied::Failed(fault(refusal)),
        (None, Some(refusal)) => Applied::Outdated(fault(refusal)),
        (None, None) => Applied::Done,
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::model::ServiceKey;

    fn refused(errno: Errno) -> Refusal {
        let key = ServiceKey::FirewallMark { mark: 1, ipv6: false };
        Refusal { request: Request::Op(Box::new(Op::DelService { key })), errno }
    }

    #[test]
    fn a_table_that_changed_meanwhile_is_no_failure_unless_something_else_is() {
        assert_eq!(outcome_of(&[]), Applied::Done);
        let gone = refused(Errno::ESRCH);
        assert_eq!(outcome_of(std::slice::from_ref(&gone)), Applied::Outdated(KernelFault(gone.to_string())));
        let denied = refused(Errno::EPERM);
        let failed = Applied::Failed(KernelFault(denied.to_string()));
        assert_eq!(outcome_of(&[gone, denied]), failed);
    }
}
