//! AS-external-LSA body (RFC 2328 A.4.5, type 5), which is also that of NSSA-LSAs (RFC 3101 appendix C, type 7).

use std::net::Ipv4Addr;

use common::wire::{Reader, Writer};

use super::summary::LS_INFINITY;
use super::{DecodeError, EmitError};

/// The E bit before the metric.
const TYPE_2: u32 = 0x8000_0000;
const TOS_LEN: usize = 12;

/// AS-external- or NSSA-LSA body. TOS metrics are skipped on receipt and never sent (RFC 2328 §12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalLsa {
    /// Mask of the destination, its ones first.
    pub network_mask: Ipv4Addr,
    /// How the metric compares to costs inside the AS.
    pub metric_type: ExternalMetric,
    /// Cost, at most [`LS_INFINITY`].
    pub metric: u32,
    /// Where packets go instead of to the advertising router; 0.0.0.0 for the router itself.
    pub forwarding_address: Ipv4Addr,
    /// Passed on between AS boundary routers; OSPF does not look at it.
    pub route_tag: u32,
}

/// External metric types (RFC 2328 A.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExternalMetric {
    /// Like link costs: adds up with them.
    Type1,
    /// Above all link costs.
    Type2,
}

impl ExternalLsa {
    pub(super) fn parse(reader: &mut Reader<'_>, bad_length: DecodeError) -> Result<Self, DecodeError> {
        let mut read = || -> Result<Self, DecodeError> {
            let network_mask = reader.ipv4("external mask")?;
            let metric = reader.u32("external metric")?;
            let external = Self {
                network_mask,
                metric_type: if metric & TYPE_2 == 0 { ExternalMetric::Type1 } else { ExternalMetric::Type2 },
                metric: metric & LS_INFINITY,
                forwarding_address: reader.ipv4("forwarding address")?,
                route_tag: reader.u32("route tag")?,
            };
            while !reader.is_empty() {
                reader.bytes("external tos", TOS_LEN)?;
            }
            Ok(external)
        };
        let external = read().map_err(|_| bad_length)?;
        let mask = external.network_mask.to_bits();
        if mask.leading_ones() != mask.count_ones() {
            return Err(DecodeError::NetworkMask(mask));
        }
        Ok(external)
    }

    pub(super) fn emit(&self, writer: &mut Writer) -> Result<(), EmitError> {
        if self.metric > LS_INFINITY {
            return Err(EmitError::MetricRange(self.metric));
        }
        let type_bit = match self.metric_type {
            ExternalMetric::Type1 => 0,
            ExternalMetric::Type2 => TYPE_2,
        };
        writer.ipv4(self.network_mask);
        writer.u32(type_bit | self.metric);
        writer.ipv4(self.forwarding_address);
        writer.u32(self.route_tag);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::LsType;
    use super::*;

    const BAD_LENGTH: DecodeError = DecodeError::LsaLength { ls_type: LsType::AsExternal, length: 0 };

    fn parse(body: &[u8]) -> Result<ExternalLsa, DecodeError> {
        ExternalLsa::parse(&mut Reader::new(body), BAD_LENGTH)
    }

    #[test]
    fn both_metric_types_are_read_and_written() {
        for (bit, metric_type) in [(0, ExternalMetric::Type1), (0x80, ExternalMetric::Type2)] {
            let bytes = [255, 255, 0, 0, bit, 0, 1, 4, 10, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef];
            let external = ExternalLsa {
                network_mask: Ipv4Addr::new(255, 255, 0, 0),
                metric_type,
                metric: 0x104,
                forwarding_address: Ipv4Addr::new(10, 0, 0, 9),
                route_tag: 0xdead_beef,
            };
            assert_eq!(parse(&bytes), Ok(external));

            let mut writer = Writer::default();
            assert_eq!(external.emit(&mut writer), Ok(()));
            assert_eq!(writer.written(), bytes);
        }
    }

    #[test]
    fn reserved_bits_and_tos_metrics_are_skipped() {
        let mut bytes = [0; 28];
        bytes[4] = 0x7f;
        bytes[7] = 5;
        assert_eq!(
            parse(&bytes).map(|external| (external.metric_type, external.metric)),
            Ok((ExternalMetric::Type1, 5))
        );
    }

    #[test]
    fn a_mask_with_holes_is_refused() {
        let mut bytes = [0; 16];
        bytes[3] = 1;
        assert_eq!(parse(&bytes), Err(DecodeError::NetworkMask(1)));
    }

    #[test]
    fn a_body_that_ends_in_a_field_is_refused() {
        for len in [0, 4, 8, 12, 15, 17, 27] {
            assert_eq!(parse(&vec![0; len]), Err(BAD_LENGTH));
        }
    }

    #[test]
    fn a_metric_above_infinity_has_no_bytes() {
        let mut external = parse(&[0; 16]).unwrap();
        external.metric = LS_INFINITY + 1;
        assert_eq!(external.emit(&mut Writer::default()), Err(EmitError::MetricRange(LS_INFINITY + 1)));
    }
}
