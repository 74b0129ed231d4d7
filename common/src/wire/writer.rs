//! A buffer that fields are appended to in big-endian order.

use std::net::Ipv4Addr;

use bytes::{BufMut, Bytes, BytesMut};

/// Appends fields; a field whose value is known later is patched.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: BytesMut,
}

impl Writer {
    /// An empty buffer that takes `capacity` bytes without growing.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(capacity) }
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True when nothing is written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What is written so far.
    pub fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) {
        self.bytes.put_u8(value);
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) {
        self.bytes.put_u16(value);
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) {
        self.bytes.put_u32(value);
    }

    /// Four bytes, in two's complement.
    pub fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    /// An IPv4 address or mask.
    pub fn ipv4(&mut self, value: Ipv4Addr) {
        self.u32(value.to_bits());
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, value: &[u8]) {
        self.bytes.put_slice(value);
    }

    /// Overwrites bytes that are already written, from offset `at`; what would fall behind the end is left out.
    pub fn patch(&mut self, at: usize, value: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(at).zip(value) {
            *slot = *byte;
        }
    }

    /// The finished buffer.
    pub fn finish(self) -> Bytes {
        self.bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_big_endian_and_can_be_patched() {
        let mut writer = Writer::with_capacity(4);
        writer.u8(1);
        writer.u16(0);
        writer.i32(-2);
        writer.ipv4(Ipv4Addr::new(10, 0, 0, 1));
        writer.bytes(&[9, 8]);

        writer.patch(1, &0x0203_u16.to_be_bytes());
        writer.patch(12, &[7, 7]);

        assert_eq!(writer.len(), 13);
        assert_eq!(writer.finish(), &[1, 2, 3, 0xff, 0xff, 0xff, 0xfe, 10, 0, 0, 1, 9, 7][..]);
    }
}
