//! OSPF as each kind of node tells it, in the same words for all: neighbours, routes, roles.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail, ensure};

use super::Node;
use crate::lab::topology::Software;

/// LS age of an LSA that is being flushed (RFC 2328 appendix B).
const MAX_AGE: u32 = 3600;

/// A neighbour, as a node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// State in the words of RFC 2328 §10.1: `Full`, `2-Way`, ...
    pub state: String,
    /// What the neighbour is on the link: `DR`, `Backup`, `DROther`, or `-` on a point-to-point link.
    pub role: String,
}

impl Node {
    /// OSPF neighbours by Router ID. A daemon that is not answering (yet) has none.
    pub fn ospf_neighbors(&self) -> BTreeMap<Ipv4Addr, Neighbor> {
        self.ask_neighbors().unwrap_or_default()
    }

    /// Is the neighbour in state Full?
    pub fn is_full_with(&self, router_id: &str) -> bool {
        let router_id: Option<Ipv4Addr> = router_id.parse().ok();
        router_id
            .and_then(|id| self.ospf_neighbors().remove(&id))
            .is_some_and(|neighbor| neighbor.state == "Full")
    }

    /// Has the node an OSPF route to exactly `prefix`: FRR in its kernel's table, BIRD in its own?
    ///
    /// # Errors
    /// The node runs neither, or did not answer.
    pub fn routes_to(&self, prefix: &str) -> Result<bool> {
        match self.software() {
            Software::Frr { .. } => Ok(!self.kernel_routes(prefix)?.is_empty()),
            Software::Bird { .. } => {
                let said = self.birdc_output(&format!("show route {prefix}"))?.stdout;
                let is_answer = said.contains("Table ") || said.contains("Network not found");
                ensure!(is_answer, "{}: BIRD does not say whether it has {prefix}: {said}", self.name());
                Ok(said.lines().any(|line| line.starts_with(prefix)))
            }
            Software::Ours { .. } | Software::Host => {
                bail!("{}: only routers are asked for routes", self.name())
            }
        }
    }

    /// Holds the router an LSA of `router_id` that is not being flushed?
    ///
    /// # Errors
    /// The node is no router of another make, or did not answer.
    pub fn holds_lsa_of(&self, router_id: &str) -> Result<bool> {
        let (table, advertiser, age) = match self.software() {
            // Link ID, ADV Router, Age, ...
            Software::Frr { .. } => (self.vtysh("show ip ospf database")?, 1, 2),
            // Type, LS ID, Router, Sequence, Age, ...
            Software::Bird { .. } => (self.birdc("show ospf lsadb")?, 2, 4),
            Software::Ours { .. } | Software::Host => bail!("{}: only upstreams are asked", self.name()),
        };
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut ages = rows
            .filter(|row| row.get(advertiser) == Some(&router_id))
            .filter_map(|row| row.get(age)?.parse().ok());
        Ok(ages.any(|age: u32| age < MAX_AGE))
    }

    fn ask_neighbors(&self) -> Result<BTreeMap<Ipv4Addr, Neighbor>> {
        match self.software() {
            Software::Frr { .. } => frr(&self.vtysh_json("show ip ospf neighbor")?),
            Software::Bird { .. } => bird(&self.birdc("show ospf neighbors")?),
            Software::Ours { .. } => ours(&self.ospfctl_json(&["show", "neighbor"])?),
            Software::Host => Ok(BTreeMap::new()),
        }
    }
}

fn frr(answer: &serde_json::Value) -> Result<BTreeMap<Ipv4Addr, Neighbor>> {
    let by_id = answer["neighbors"].as_object().context("no neighbors in FRR's answer")?;
    let mut neighbors = BTreeMap::new();
    for (id, entries) in by_id {
        let told = entries[0]["nbrState"].as_str().context("no nbrState in FRR's answer")?;
        neighbors.insert(id.parse()?, split(told));
    }
    Ok(neighbors)
}

fn bird(answer: &str) -> Result<BTreeMap<Ipv4Addr, Neighbor>> {
    let mut neighbors = BTreeMap::new();
    for line in answer.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        // Router ID, Pri, State, DTime, Interface, Router IP; the heading's first word is no address.
        if let [id, _, told, ..] = words.as_slice()
            && let Ok(id) = id.parse()
        {
            neighbors.insert(id, split(told));
        }
    }
    Ok(neighbors)
}

fn ours(answer: &serde_json::Value) -> Result<BTreeMap<Ipv4Addr, Neighbor>> {
    let mut neighbors = BTreeMap::new();
    for entry in answer.as_array().context("no list in ospfctl's answer")? {
        let text = |key: &str| entry[key].as_str().with_context(|| format!("no {key} in ospfctl's answer"));
        let neighbor = Neighbor { state: text("nbrState")?.to_owned(), role: text("role")?.to_owned() };
        neighbors.insert(text("neighborRouterId")?.parse()?, neighbor);
    }
    Ok(neighbors)
}

/// `Full/DR` in FRR's words, `Full/BDR` and `Full/PtP` in BIRD's.
fn split(told: &str) -> Neighbor {
    let (state, role) = told.split_once('/').unwrap_or((told, "-"));
    let role = match role {
        "BDR" => "Backup",
        "Other" => "DROther",
        "PtP" => "-",
        role => role,
    };
    Neighbor { state: state.to_owned(), role: role.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_frr_bird_and_ours_say_the_same() {
        let frr_said = serde_json::json!({"neighbors": {"10.0.0.2": [{"nbrState": "Full/Backup"}]}});
        let bird_said = "ospf1:\nRouter ID   \tPri\t     State     \tDTime\tInterface  Router IP\n10.0.0.2    \t  1\tFull/BDR  \t 3.167\tlan        10.1.0.1";
        let ours_said =
            serde_json::json!([{"neighborRouterId": "10.0.0.2", "nbrState": "Full", "role": "Backup"}]);
        let expected = Neighbor { state: "Full".to_owned(), role: "Backup".to_owned() };
        let expected = BTreeMap::from([(Ipv4Addr::new(10, 0, 0, 2), expected)]);
        assert_eq!(frr(&frr_said).unwrap(), expected);
        assert_eq!(bird(bird_said).unwrap(), expected);
        assert_eq!(ours(&ours_said).unwrap(), expected);
    }
}
