//! Walking along wire form by the parts of [`super::form`].

use super::form::Field;
use crate::name::Name;

/// What is left of the data of one record.
pub(super) struct Cursor<'w>(pub(super) &'w [u8]);

impl<'w> Cursor<'w> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'w [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Bytes with their count in front, in one byte.
    pub(super) fn counted(&mut self) -> Option<&'w [u8]> {
        let count = self.u8()?;
        self.take(count.into())
    }

    pub(super) fn name(&mut self) -> Option<Name> {
        let (name, used) = Name::from_wire(self.0).ok()?;
        self.take(used)?;
        Some(name)
    }

    pub(super) fn all(&mut self) -> &'w [u8] {
        std::mem::take(&mut self.0)
    }

    /// The windows of a set of types: number of the window and its bits.
    pub(super) fn window(&mut self) -> Option<(u8, &'w [u8])> {
        Some((self.u8()?, self.counted().filter(|bits| (1..=32).contains(&bits.len()))?))
    }
}

/// The canonical form of `wire`, names in lower case; `None` where it is not made of these parts.
pub(super) fn canonical(fields: &[Field], wire: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(wire);
    let mut out = Vec::with_capacity(wire.len());
    for field in fields {
        let before = cursor.0;
        match field {
            Field::Name => cursor.name()?.compose(&mut out),
            Field::Gateway => {
                let kind = cursor.u8()?;
                out.extend([kind, cursor.u8()?]);
                match kind {
                    0 => {}
                    1 => out.extend(cursor.take(4)?),
                    2 => out.extend(cursor.take(16)?),
                    3 => cursor.name()?.compose(&mut out),
                    _ => return None,
                }
            }
            other => {
                skip(*other, &mut cursor)?;
                out.extend_from_slice(&before[..before.len() - cursor.0.len()]);
            }
        }
    }
    cursor.0.is_empty().then_some(out)
}

fn skip(field: Field, cursor: &mut Cursor<'_>) -> Option<()> {
    match field {
        Field::U8 | Field::Algorithm => cursor.take(1).map(drop),
        Field::U16 | Field::Type | Field::CertKind => cursor.take(2).map(drop),
        Field::V4 | Field::U32 | Field::Seconds | Field::Moment => cursor.take(4).map(drop),
        Field::Groups => cursor.take(8).map(drop),
        Field::V6 | Field::Place => cursor.take(16).map(drop),
        Field::Eui(length) => cursor.take(length).map(drop),
        Field::String | Field::Tag | Field::Salt | Field::Hash => cursor.counted().map(drop),
        Field::Strings => {
            cursor.counted()?;
            while !cursor.0.is_empty() {
                cursor.counted()?;
            }
            Some(())
        }
        Field::Text | Field::Hex | Field::Base64 => {
            cursor.all();
            Some(())
        }
        Field::Types => {
            let mut last = None;
            while !cursor.0.is_empty() {
                let (number, _) = cursor.window()?;
                last.is_none_or(|last| last < number).then_some(())?;
                last = Some(number);
            }
            Some(())
        }
        Field::Parameters => {
            let mut last = None;
            while !cursor.0.is_empty() {
                let (key, length) = (cursor.u16()?, cursor.u16()?);
                cursor.take(length.into())?;
                last.is_none_or(|last| last < key).then_some(())?;
                last = Some(key);
            }
            Some(())
        }
        Field::Prefixes => {
            while !cursor.0.is_empty() {
                cursor.take(3)?;
                let length = cursor.u8()? & 0x7F;
                cursor.take(length.into())?;
            }
            Some(())
        }
        Field::Name | Field::Gateway => None,
    }
}
