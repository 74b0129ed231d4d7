//! `[area."…"]` with `type = "nssa"` (RFC 3101 appendix D).

use std::collections::BTreeMap;
use std::time::Duration;

use ipnetwork::Ipv4Network;

use super::Checker;
use crate::core::config::{NssaConfig, NssaRangeConfig, TranslatorRole};
use crate::packet::ExternalMetric;
use crate::runtime::config::raw::{RawArea, RawAreaKind, RawMetricType, RawNssaRange, RawTranslator};

/// Nobody wants two translators for longer.
const LONGEST_STABILITY: Duration = Duration::from_secs(3600);

impl Checker<'_> {
    pub(super) fn nssa(
        &mut self,
        area: &str,
        raw: &RawArea,
        default_cost: u32,
        summaries: bool,
    ) -> NssaConfig {
        let usual = NssaConfig::default();
        if raw.default_type.is_some() && !summaries {
            let help =
                "leave it out: without summaries the default route is a summary itself, which has no type";
            self.refuse(
                &["area", area, "default_type"],
                "default_type stands beside no_summary = true",
                help,
            );
        }
        let stability_interval = raw.translator_stability.unwrap_or(usual.stability_interval);
        if stability_interval > LONGEST_STABILITY {
            let message =
                format!("translator_stability is {stability_interval:?}, longer than {LONGEST_STABILITY:?}");
            self.refuse(&["area", area, "translator_stability"], message, "write for instance \"40s\"");
        }
        NssaConfig {
            default_cost,
            default_type: match raw.default_type {
                None => usual.default_type,
                Some(RawMetricType::External1) => ExternalMetric::Type1,
                Some(RawMetricType::External2) => ExternalMetric::Type2,
            },
            summaries,
            translator: match raw.translator {
                None => usual.translator,
                Some(RawTranslator::Candidate) => TranslatorRole::Candidate,
                Some(RawTranslator::Always) => TranslatorRole::Always,
            },
            stability_interval,
        }
    }

    pub(super) fn nssa_ranges(
        &mut self,
        area: &str,
        raw: &BTreeMap<String, RawNssaRange>,
    ) -> BTreeMap<Ipv4Network, NssaRangeConfig> {
        let mut ranges = BTreeMap::new();
        for (text, raw) in raw {
            let Some(range) = self.range_network(&["area", area, "nssa_range", text]) else { continue };
            let advertise = raw.advertise.unwrap_or(true);
            let key = ["area", area, "nssa_range", text, "tag"];
            if raw.tag.is_some() && !advertise {
                let help = "leave it out, or the range is advertised";
                self.refuse(&key, format!("{range} is not advertised, so that it has no tag"), help);
            }
            let tag = self.number(&key, raw.tag, 0, 0);
            ranges.insert(range, NssaRangeConfig { advertise, tag });
        }
        ranges
    }
}

/// An NSSA in the shape of the file; what all areas have stands in `shared`.
pub(super) fn normal(config: &NssaConfig, shared: RawArea) -> RawArea {
    let default_type = match config.default_type {
        ExternalMetric::Type1 => RawMetricType::External1,
        ExternalMetric::Type2 => RawMetricType::External2,
    };
    RawArea {
        kind: Some(RawAreaKind::Nssa),
        no_summary: Some(!config.summaries),
        default_cost: Some(config.default_cost.into()),
        default_type: config.summaries.then_some(default_type),
        translator: Some(match config.translator {
            TranslatorRole::Candidate => RawTranslator::Candidate,
            TranslatorRole::Always => RawTranslator::Always,
        }),
        translator_stability: Some(config.stability_interval),
        ..shared
    }
}

/// Type-7 ranges in the shape of the file.
pub(super) fn normal_ranges(
    ranges: &BTreeMap<Ipv4Network, NssaRangeConfig>,
) -> BTreeMap<String, RawNssaRange> {
    let raw = |config: &NssaRangeConfig| RawNssaRange {
        advertise: Some(config.advertise),
        tag: config.advertise.then_some(config.tag.into()),
    };
    ranges.iter().map(|(range, config)| (range.to_string(), raw(config))).collect()
}
