//! Restoring a saved table: all lines are checked, then all are done as one plan.

use crate::cli::Failure;
use crate::ipvs::Handle;
use crate::ipvs::handle::{Refusal, Request};
use crate::ipvsadm::{Names, restore};

/// Reads the lines, and obeys them when all of them are good. What the kernel refuses does not stop the lines after it.
pub(super) async fn run(text: &str, names: &dyn Names) -> Result<(), Failure> {
    let plan = restore(text, names)?;
    let refusals = Handle::connect().await?.apply(&plan.ops).await?;
    if refusals.is_empty() {
        return Ok(());
    }
    // Refusals come in the order of the operations.
    let mut ops = plan.ops.iter().zip(plan.lines);
    let told = refusals.into_iter().map(|refusal| {
        let line = ops.find(|(op, _)| is_about(&refusal, op)).map_or(0, |(_, line)| line);
        (line, refusal)
    });
    Err(Failure::Lines(told.collect()))
}

fn is_about(refusal: &Refusal, op: &crate::core::plan::Op) -> bool {
    matches!(&refusal.request, Request::Op(refused) if **refused == *op)
}
