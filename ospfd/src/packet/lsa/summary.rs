//! Summary-LSA body (RFC 2328 A.4.4): type 3 for networks, type 4 for AS boundary routers.

use std::net::Ipv4Addr;

use common::wire::{Reader, Writer};

use super::{DecodeError, EmitError, LsType};

/// LSInfinity (RFC 2328 appendix B): the destination is unreachable.
pub const LS_INFINITY: u32 = 0x00ff_ffff;

const TOS_LEN: usize = 4;

/// Summary-LSA body (RFC 2328 A.4.4). TOS metrics are skipped on receipt and never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SummaryLsa {
    /// Mask of the network, its ones first; without meaning in type 4.
    pub network_mask: Ipv4Addr,
    /// Cost from the advertising router, at most [`LS_INFINITY`].
    pub metric: u32,
}

impl SummaryLsa {
    pub(super) fn parse(
        ls_type: LsType,
        reader: &mut Reader<'_>,
        bad_length: DecodeError,
    ) -> Result<Self, DecodeError> {
        let network_mask = reader.ipv4("summary mask").map_err(|_| bad_length)?;
        let mask = network_mask.to_bits();
        if ls_type == LsType::SummaryNetwork && mask.leading_ones() != mask.count_ones() {
            return Err(DecodeError::NetworkMask(mask));
        }
        // The upper byte is reserved.
        let metric = reader.u32("summary metric").map_err(|_| bad_length)? & LS_INFINITY;
        while !reader.is_empty() {
            reader.bytes("summary tos", TOS_LEN).map_err(|_| bad_length)?;
        }
        Ok(Self { network_mask, metric })
    }

    pub(super) fn emit(&self, writer: &mut Writer) -> Result<(), EmitError> {
        if self.metric > LS_INFINITY {
            return Err(EmitError::MetricRange(self.metric));
        }
        writer.ipv4(self.network_mask);
        writer.u32(self.metric);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD_LENGTH: DecodeError = DecodeError::LsaLength { ls_type: LsType::SummaryNetwork, length: 0 };

    fn parse(ls_type: LsType, body: &[u8]) -> Result<SummaryLsa, DecodeError> {
        SummaryLsa::parse(ls_type, &mut Reader::new(body), BAD_LENGTH)
    }

    #[test]
    fn a_summary_is_read_and_written() {
        let bytes = [255, 255, 255, 0, 0, 1, 2, 3];
        let summary = SummaryLsa { network_mask: Ipv4Addr::new(255, 255, 255, 0), metric: 0x01_0203 };
        assert_eq!(parse(LsType::SummaryNetwork, &bytes), Ok(summary));

        let mut writer = Writer::default();
        assert_eq!(summary.emit(&mut writer), Ok(()));
        assert_eq!(writer.written(), bytes);
    }

    #[test]
    fn reserved_bits_and_tos_metrics_are_skipped() {
        let bytes = [255, 0, 0, 0, 0xff, 0, 0, 9, 8, 0, 0, 1];
        assert_eq!(parse(LsType::SummaryNetwork, &bytes).map(|summary| summary.metric), Ok(9));
    }

    #[test]
    fn only_the_mask_of_a_network_must_have_no_holes() {
        let bytes = [255, 0, 255, 0, 0, 0, 0, 9];
        assert_eq!(parse(LsType::SummaryNetwork, &bytes), Err(DecodeError::NetworkMask(0xff00_ff00)));
        assert!(parse(LsType::SummaryAsbr, &bytes).is_ok());
    }

    #[test]
    fn a_body_that_ends_in_a_field_is_refused() {
        for len in [0, 3, 4, 7, 9, 11] {
            assert_eq!(parse(LsType::SummaryNetwork, &vec![0; len]), Err(BAD_LENGTH));
        }
    }

    #[test]
    fn a_metric_above_infinity_has_no_bytes() {
        let summary = SummaryLsa { network_mask: Ipv4Addr::BROADCAST, metric: LS_INFINITY + 1 };
        assert_eq!(summary.emit(&mut Writer::default()), Err(EmitError::MetricRange(LS_INFINITY + 1)));
    }
}
