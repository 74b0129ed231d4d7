//! `[area."…"]` (RFC 2328 C.2): stub areas and address ranges (NSSAs are `nssa`'s), and which areas may stand together.

use std::collections::BTreeMap;

use common::ids::AreaId;
use ipnetwork::{IpNetwork, Ipv4Network};

use super::{Checker, nssa};
use crate::core::config::{AreaConfig, AreaKind, Config, InterfaceConfig, RangeConfig};
use crate::packet::LS_INFINITY;
use crate::runtime::config::raw::{RawArea, RawAreaKind, RawRange};

const BACKBONE: AreaId = AreaId(0);
/// FRR and BIRD have it, too.
const DEFAULT_COST: u32 = 1;

impl Checker<'_> {
    pub(super) fn areas(
        &mut self,
        raw: &BTreeMap<String, RawArea>,
        interfaces: &BTreeMap<String, InterfaceConfig>,
    ) -> BTreeMap<AreaId, AreaConfig> {
        let mut areas: BTreeMap<AreaId, AreaConfig> = BTreeMap::new();
        for (text, raw) in raw {
            let key = ["area", text.as_str()];
            let Ok(id) = text.parse::<AreaId>() else {
                let help = "write it like [area.\"0.0.0.1\"]";
                self.refuse(&key, format!("`{text}` is no area"), help);
                continue;
            };
            if !interfaces.values().any(|interface| interface.area == id) {
                let help = format!("give an interface area = \"{id}\", or take the table out");
                self.refuse(&key, format!("no interface is in area {id}"), help);
            }
            // RFC 2328 §15
            if raw.virtual_link.is_some() {
                let help = "connect the area to the backbone by a link or a tunnel that area 0.0.0.0 runs on";
                let message = "virtual links are not spoken: they make a backbone of paths that the area in between \
                               may lose without anybody noticing";
                self.refuse(&["area", text, "virtual_link"], message, help);
            }
            let config = AreaConfig {
                kind: self.kind(text, id, raw),
                ranges: self.ranges(text, &raw.range),
                nssa_ranges: self.nssa_ranges(text, &raw.nssa_range),
            };
            if areas.insert(id, config).is_some() {
                let help = "keep one table for each area";
                self.refuse(&key, format!("area {id} stands here twice"), help);
            }
        }
        self.ranges_of_one_area(&areas);
        self.backbone(interfaces);
        areas
    }

    fn kind(&mut self, text: &str, id: AreaId, raw: &RawArea) -> AreaKind {
        let kind = raw.kind.unwrap_or(RawAreaKind::Normal);
        if id == BACKBONE && !matches!(kind, RawAreaKind::Normal) {
            let help = "leave its type out: all other areas reach the outside through it";
            let what = if matches!(kind, RawAreaKind::Nssa) { "an NSSA" } else { "a stub area" };
            self.refuse(&["area", text, "type"], format!("the backbone cannot be {what}"), help);
        }
        self.stray_area_keys(text, id, kind, raw);
        let default_cost =
            self.metric(&["area", text, "default_cost"], raw.default_cost).unwrap_or(DEFAULT_COST);
        let summaries = !raw.no_summary.unwrap_or(false);
        match kind {
            RawAreaKind::Normal => AreaKind::Normal,
            RawAreaKind::Stub => AreaKind::Stub { default_cost, summaries },
            RawAreaKind::Nssa => AreaKind::Nssa(self.nssa(text, raw, default_cost, summaries)),
        }
    }

    /// Keys that an area of this kind does not have.
    fn stray_area_keys(&mut self, text: &str, id: AreaId, kind: RawAreaKind, raw: &RawArea) {
        let of_both =
            [("default_cost", raw.default_cost.is_some()), ("no_summary", raw.no_summary.is_some())];
        let of_nssa = [
            ("default_type", raw.default_type.is_some()),
            ("translator", raw.translator.is_some()),
            ("translator_stability", raw.translator_stability.is_some()),
            ("nssa_range", !raw.nssa_range.is_empty()),
        ];
        let normal = matches!(kind, RawAreaKind::Normal);
        for (name, _) in of_both.into_iter().filter(|(_, given)| *given && normal) {
            let help = "write type = \"stub\" or \"nssa\" beside it, or leave it out";
            let message = format!("{name} is for stub areas and NSSAs, and area {id} is none");
            self.refuse(&["area", text, name], message, help);
        }
        let nssa = matches!(kind, RawAreaKind::Nssa);
        for (name, _) in of_nssa.into_iter().filter(|(_, given)| *given && !nssa) {
            let help = "write type = \"nssa\" beside it, or leave it out";
            self.refuse(&["area", text, name], format!("{name} is for NSSAs, and area {id} is none"), help);
        }
    }

    fn ranges(&mut self, area: &str, raw: &BTreeMap<String, RawRange>) -> BTreeMap<Ipv4Network, RangeConfig> {
        let mut ranges = BTreeMap::new();
        for (text, raw) in raw {
            let Some(range) = self.range_network(&["area", area, "range", text]) else { continue };
            let cost = self.metric(&["area", area, "range", text, "cost"], raw.cost);
            ranges.insert(range, RangeConfig { advertise: raw.advertise.unwrap_or(true), cost });
        }
        ranges
    }

    /// The network that the last part of `key` names.
    pub(super) fn range_network(&mut self, key: &[&str; 4]) -> Option<Ipv4Network> {
        let [_, area, table, text] = key;
        let Ok(IpNetwork::V4(range)) = text.parse::<IpNetwork>() else {
            let help = format!(
                "write an IPv4 network and its length, like [area.\"{area}\".{table}.\"10.1.0.0/16\"]"
            );
            self.refuse(key, format!("`{text}` is no IPv4 network"), help);
            return None;
        };
        if range.ip() != range.network() {
            let help = format!("write \"{}/{}\"", range.network(), range.prefix());
            self.refuse(key, format!("{range} has host bits set"), help);
            return None;
        }
        Some(range)
    }

    /// A number of 24 bits below LSInfinity.
    fn metric(&mut self, key: &[&str], written: Option<i64>) -> Option<u32> {
        let value = written?;
        let metric = u32::try_from(value).ok().filter(|metric| *metric < LS_INFINITY);
        if metric.is_none() {
            let name = key.last().copied().unwrap_or_default();
            let message = format!("{name} is {value}, out of 0 to {}", LS_INFINITY - 1);
            self.refuse(key, message, format!("give a whole number from 0 to {}", LS_INFINITY - 1));
        }
        metric
    }

    fn ranges_of_one_area(&mut self, areas: &BTreeMap<AreaId, AreaConfig>) {
        let mut seen: BTreeMap<Ipv4Network, AreaId> = BTreeMap::new();
        for (area, range) in
            areas.iter().flat_map(|(area, config)| config.ranges.keys().map(move |range| (*area, *range)))
        {
            if let Some(first) = seen.insert(range, area) {
                let help = "give each area its own addresses; a range stands for what is in one area";
                self.refuse(
                    &["area"],
                    format!("{range} is a range of area {first} and of area {area}"),
                    help,
                );
            }
        }
    }

    /// RFC 2328 §3.1: areas meet in the backbone only.
    fn backbone(&mut self, interfaces: &BTreeMap<String, InterfaceConfig>) {
        let Some((first, InterfaceConfig { area, .. })) = interfaces.first_key_value() else { return };
        let Some((name, other)) = interfaces.iter().find(|(_, other)| other.area != *area) else { return };
        if interfaces.values().any(|interface| interface.area == BACKBONE) {
            return;
        }
        let message = format!(
            "{name} is in area {}, {first} in area {area}, and none in the backbone: areas do not reach each other \
             without it",
            other.area
        );
        let diagnostic = self
            .sources
            .diagnostic(&["interface", name, "area"], message)
            .also(self.sources, &["interface", first, "area"], "the other area")
            .help("put an interface into area 0.0.0.0, or all into one area; virtual links are not spoken");
        self.found.push(diagnostic);
    }

    /// Somebody must be able to hear of external prefixes.
    pub(super) fn externals_leave(&mut self, core: &Config) {
        let mut areas = core.interfaces.values().map(|interface| interface.area).peekable();
        if areas.peek().is_none() || areas.any(|area| core.area_kind(area).has_boundary_routers()) {
            return;
        }
        for one in core.static_advertisements.iter().filter(|one| one.encoding.is_external()) {
            let text = one.prefix.to_string();
            let help = "make it a stub link: leave its type out";
            let message = format!("{text} would be an AS-external-LSA, which stub areas do not take");
            self.refuse(&["advertise", &text, "type"], message, help);
        }
    }
}

/// The areas in the shape of the file.
pub(super) fn normal(areas: &BTreeMap<AreaId, AreaConfig>) -> BTreeMap<String, RawArea> {
    areas.iter().map(|(id, config)| (id.to_string(), normal_area(config))).collect()
}

fn normal_area(config: &AreaConfig) -> RawArea {
    let range = config
        .ranges
        .iter()
        .map(|(range, config)| {
            let raw = RawRange { advertise: Some(config.advertise), cost: config.cost.map(i64::from) };
            (range.to_string(), raw)
        })
        .collect();
    let shared =
        RawArea { range, nssa_range: nssa::normal_ranges(&config.nssa_ranges), ..RawArea::default() };
    match config.kind {
        AreaKind::Normal => RawArea { kind: Some(RawAreaKind::Normal), ..shared },
        AreaKind::Stub { default_cost, summaries } => RawArea {
            kind: Some(RawAreaKind::Stub),
            no_summary: Some(!summaries),
            default_cost: Some(default_cost.into()),
            ..shared
        },
        AreaKind::Nssa(nssa) => nssa::normal(&nssa, shared),
    }
}
