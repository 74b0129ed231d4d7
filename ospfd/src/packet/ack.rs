//! Link State Acknowledgment packet (RFC 2328 A.3.6).

use common::wire::{Reader, Writer};

use super::{DecodeError, LsaHeader};

pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Vec<LsaHeader>, DecodeError> {
    LsaHeader::parse_list(reader, "acknowledgment headers")
}

pub(super) fn emit(headers: &[LsaHeader], writer: &mut Writer) {
    for header in headers {
        header.emit(writer);
    }
}
