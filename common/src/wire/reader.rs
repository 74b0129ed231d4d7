//! A cursor that reads big-endian fields, and names the field that was not there.

use std::net::Ipv4Addr;

/// The bytes ended inside a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} needs {needed} bytes, and {left} are left")]
pub struct Truncated {
    /// The field.
    pub field: &'static str,
    /// Its size in bytes.
    pub needed: usize,
    /// Bytes that were left.
    pub left: usize,
}

/// Reads fields off the front of a slice. A read that fails takes nothing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet read.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// True when all is read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The bytes not yet read, without taking them.
    pub const fn peek(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Truncated> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or_else(|| self.truncated(field, count))?;
        self.rest = tail;
        Ok(head)
    }

    /// The next `N` bytes, as an array.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Truncated> {
        let (head, tail) = self.rest.split_first_chunk().ok_or_else(|| self.truncated(field, N))?;
        self.rest = tail;
        Ok(*head)
    }

    /// One byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Truncated> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// Two bytes.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Truncated> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Truncated> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Four bytes, in two's complement.
    pub fn i32(&mut self, field: &'static str) -> Result<i32, Truncated> {
        self.array(field).map(i32::from_be_bytes)
    }

    /// An IPv4 address or mask.
    pub fn ipv4(&mut self, field: &'static str) -> Result<Ipv4Addr, Truncated> {
        self.u32(field).map(Ipv4Addr::from_bits)
    }

    const fn truncated(&self, field: &'static str, needed: usize) -> Truncated {
        Truncated { field, needed, left: self.rest.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_big_endian_and_in_order() {
        let mut reader = Reader::new(&[1, 2, 3, 0xff, 0xff, 0xff, 0xfe, 10, 0, 0, 1, 9, 8]);

        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(0x0203));
        assert_eq!(reader.i32("c"), Ok(-2));
        assert_eq!(reader.ipv4("d"), Ok(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(reader.bytes("e", 2), Ok(&[9, 8][..]));
        assert!(reader.is_empty());
    }

    #[test]
    fn a_short_read_names_the_field_and_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);

        assert_eq!(reader.u32("cost"), Err(Truncated { field: "cost", needed: 4, left: 3 }));
        assert_eq!(
            reader.bytes("body", usize::MAX),
            Err(Truncated { field: "body", needed: usize::MAX, left: 3 })
        );
        assert_eq!(reader.u16("rest"), Ok(0x0102));
        assert_eq!(reader.peek(), &[3]);
    }
}
