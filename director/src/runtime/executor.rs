//! The connection to the kernel's IPVS: opened when it is first needed, and again after it failed.
//!
//! What to do, and when to try again what was refused, is the agent's to say.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tokio::sync::watch;

use super::modules;
use crate::core::agent::{Applied, KernelFault};
use crate::core::observed::Observed;
use crate::core::plan::Op;
use crate::ipvs::handle::{BATCH, Refusal, Request};
use crate::ipvs::{Handle, IpvsError};

/// Operations after which the log is told.
const PROGRESS_EVERY: usize = 2048;

/// Dumps the kernel's table and changes it.
#[derive(Debug, Default)]
pub struct Executor {
    handle: Option<Handle>,
    modprobe: Option<PathBuf>,
    /// Modules that were asked for already: with or without success, once is enough.
    asked_for: BTreeSet<String>,
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Operations that the kernel has taken or refused.
    pub done: usize,
    /// Operations in all; 0 while nothing is under way.
    pub of: usize,
}

impl Executor {
    /// An executor that has not spoken to the kernel yet, and loads no modules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Modules may be loaded by this program, or by none.
    pub fn allow_modules(&mut self, modprobe: Option<PathBuf>) {
        self.modprobe = modprobe;
        self.asked_for.clear();
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
        self.apply_telling(ops, &watch::Sender::default()).await
    }

    /// [`Executor::apply`], batch by batch, telling how far it is and letting others work between.
    pub async fn apply_telling(&mut self, ops: &[Op], progress: &watch::Sender<Progress>) -> Applied {
        progress.send_replace(Progress { done: 0, of: ops.len() });
        // Moves come before all deletions; see `Hold`.
        let moved = ops.iter().rposition(|op| matches!(op, Op::MoveServer { .. })).map_or(0, |last| last + 1);
        let (moving, rest) = ops.split_at(moved);
        let hold = (!moving.is_empty()).then(Hold::take);
        let mut result = self.batches(moving, progress).await;
        drop(hold);
        if let Ok(refusals) = &mut result {
            match self.batches(rest, progress).await {
                Ok(more) => refusals.extend(more),
                Err(error) => result = Err(error),
            }
        }
        match self.after(result) {
            Ok(refusals) => outcome_of(&refusals),
            Err(error) => Applied::Failed(KernelFault(error.to_string())),
        }
    }

    async fn batches(
        &mut self,
        ops: &[Op],
        progress: &watch::Sender<Progress>,
    ) -> Result<Vec<Refusal>, IpvsError> {
        let mut refusals = Vec::new();
        for batch in ops.chunks(BATCH) {
            refusals.extend(self.try_apply(batch).await?);
            progress.send_modify(|progress| progress.done += batch.len());
            let Progress { done, of } = *progress.borrow();
            if done < of && done / PROGRESS_EVERY > (done - batch.len()) / PROGRESS_EVERY {
                tracing::info!(done, of, "ipvs changes under way");
            }
            // The kernel works while we send, so nothing here ever waits by itself.
            tokio::task::yield_now().await;
        }
        Ok(refusals)
    }

    /// Applies operations, and those again that were refused for want of a module that could be loaded then.
    async fn try_apply(&mut self, ops: &[Op]) -> Result<Vec<Refusal>, IpvsError> {
        let refusals = self.handle().await?.apply(ops).await?;
        let missing: BTreeSet<String> = refusals.iter().flat_map(Refusal::missing_modules).collect();
        if !self.load(missing).await {
            return Ok(refusals);
        }
        let refused = refusals.into_iter().filter_map(|refusal| match refusal.request {
            Request::Op(op) => Some(*op),
            _ => None,
        });
        let again: Vec<Op> = refused.collect();
        self.handle().await?.apply(&again).await
    }

    /// Loads what was not asked for before; says if anything was.
    async fn load(&mut self, modules: impl IntoIterator<Item = String>) -> bool {
        let Some(modprobe) = self.modprobe.clone() else { return false };
        let mut is_any_loaded = false;
        for module in modules {
            if !self.asked_for.insert(module.clone()) {
                continue;
            }
            match modules::load(&modprobe, &module).await {
                Ok(()) => {
                    is_any_loaded = true;
                    tracing::info!(module, reason = "the kernel lacked it", "module loaded");
                }
                Err(error) => tracing::warn!(module, reason = %error, "module not loaded"),
            }
        }
        is_any_loaded
    }

    async fn handle(&mut self) -> Result<&mut Handle, IpvsError> {
        if self.handle.is_none() {
            let handle = match Handle::connect().await {
                Err(IpvsError::Refused(refusal)) if self.load(refusal.missing_modules()).await => {
                    Handle::connect().await
                }
                outcome => outcome,
            };
            self.handle = Some(handle?);
        }
        self.handle.as_mut().ok_or(IpvsError::NoAnswer { request: Request::Family })
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

/// While servers are moved, a packet of a connection whose server is just away is dropped, and comes again. With
/// `expire_nodest_conn` its connection would end, so that is off as long as this lives.
struct Hold {
    before: Option<Vec<u8>>,
}

const EXPIRE_NODEST: &str = "/proc/sys/net/ipv4/vs/expire_nodest_conn";

impl Hold {
    fn take() -> Self {
        let before = fs::read(EXPIRE_NODEST).ok().filter(|value| value.trim_ascii() != b"0");
        if before.is_some()
            && let Err(error) = fs::write(EXPIRE_NODEST, "0")
        {
            tracing::warn!(reason = %error, "expire_nodest_conn stays on while servers are moved: connections may end");
            return Self { before: None };
        }
        Self { before }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(before) = &self.before
            && let Err(error) = fs::write(EXPIRE_NODEST, before)
        {
            tracing::warn!(reason = %error, "expire_nodest_conn stays off");
        }
    }
}

/// Logs what was refused, once per service: what follows in it fails for the same reason.
fn outcome_of(refusals: &[Refusal]) -> Applied {
    let mut told = BTreeSet::new();
    for refusal in refusals {
        if let Request::Op(op) = &refusal.request
            && told.insert(op.key())
        {
            let service = op.key().map(|key| key.to_string());
            tracing::warn!(service, reason = %refusal, "ipvs change refused");
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
