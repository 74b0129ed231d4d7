//! What has changed in the database that routes depend on (RFC 2328 §13.2). A changed Summary-LSA has everything calculated
//! anew, of which §16.5 is a part; a changed AS-external-LSA its own prefix (§16.6).

use std::collections::BTreeSet;

use ipnetwork::IpNetwork;

use crate::core::spf::build_v2::external_prefix;
use crate::packet::{LsType, Lsa};

/// More prefixes than this are not told apart: everything is calculated anew.
const MAX_PREFIXES: usize = 1024;

/// What routes have to be calculated anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// All of them.
    pub(crate) everything: bool,
    /// Those to these external destinations.
    pub(crate) externals: BTreeSet<IpNetwork>,
}

impl News {
    /// `lsa` came, changed, or went.
    pub(super) fn note(&mut self, lsa: &Lsa) {
        match lsa.header.key.ls_type {
            LsType::Router | LsType::Network | LsType::SummaryNetwork | LsType::SummaryAsbr => {
                self.note_everything();
            }
            // RFC 3101 §2.6: those of type 7 like those of type 5.
            LsType::AsExternal | LsType::Nssa => {
                if !self.everything {
                    self.externals.extend(external_prefix(lsa));
                }
                if self.externals.len() > MAX_PREFIXES {
                    self.note_everything();
                }
            }
            LsType::OpaqueLink | LsType::OpaqueArea | LsType::OpaqueAs | LsType::Unknown(_) => {}
        }
    }

    /// No route is as sure as before.
    pub(crate) fn note_everything(&mut self) {
        self.everything = true;
        self.externals.clear();
    }

    /// Is there anything to calculate?
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.externals.is_empty()
    }
}
