//! Routes in the kernels of a lab's nodes, as the tests among FRR and BIRD wait for them.

use std::time::Duration;

use integration::clock::until;
use integration::lab::Lab;
use integration::node::Node;

/// Hello 1 s, dead 4 s, and machines with other things to do.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Has the node's kernel a route to exactly this prefix?
pub(crate) fn routed(node: &Node, prefix: &str) -> bool {
    !node.kernel_routes(prefix).unwrap().is_empty()
}

/// Waits until the node's kernel has a route to each of these prefixes.
pub(crate) fn until_routed(lab: &Lab, node: &str, prefixes: &[&str]) {
    for prefix in prefixes {
        until(SOON, &format!("{node} has {prefix}"), || routed(lab.node(node), prefix)).unwrap();
    }
}

/// Waits until the node's kernel has no route to this prefix.
pub(crate) fn until_without(lab: &Lab, node: &str, prefix: &str) {
    until(SOON, &format!("{node} has no {prefix}"), || !routed(lab.node(node), prefix)).unwrap();
}
