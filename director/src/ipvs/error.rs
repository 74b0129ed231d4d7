//! What can be wrong with the bytes of an IPVS message.

/// Bytes that are no IPVS message. Only the kernel writes to us, so this is a version skew or a bug, never routine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A value has another length than its attribute wants.
    #[error("attribute {attribute} has {got} bytes where {want} are needed")]
    Length {
        /// Name of the attribute.
        attribute: &'static str,
        /// Length that it wants.
        want: usize,
        /// Length found.
        got: usize,
    },
    /// A name is not UTF-8.
    #[error("attribute {attribute} is not text")]
    Text {
        /// Name of the attribute.
        attribute: &'static str,
    },
    /// The attributes of a block run over its end.
    #[error("the attributes of {block} are cut short")]
    Framing {
        /// The enclosing block.
        block: &'static str,
    },
    /// A required attribute is absent.
    #[error("a {block} without attribute {attribute}")]
    Missing {
        /// The enclosing block.
        block: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
    },
    /// A value has no meaning.
    #[error("attribute {attribute} has the value {value}, which means nothing")]
    Value {
        /// Name of the attribute.
        attribute: &'static str,
        /// Value found.
        value: u32,
    },
    /// The family's command is unknown.
    #[error("unknown IPVS command {0}")]
    Command(u8),
}
