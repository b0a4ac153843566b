//! The formats of `printf`: C's integer conversions, into a buffer of fixed size.
//!
//! Arguments are numbers, and are never taken for addresses: `%s`, `%p` and `%n` do not exist
//! here.

/// The longest message in bytes; the rest is cut off.
pub(crate) const MESSAGE_SIZE: usize = 1024;

/// The longest format in bytes; the rest is cut off.
pub(crate) const FORMAT_SIZE: usize = 1024;

/// This printf does not know the format, or the format has more conversions than arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadFormat;

/// A message in the making.
#[derive(Debug)]
pub(crate) struct Message {
    bytes: [u8; MESSAGE_SIZE],
    len: usize,
}

impl Message {
    /// Fills in a format, up to its end or its first zero byte.
    pub(crate) fn new(format: &[u8], args: &[u64]) -> Result<Self, BadFormat> {
        let mut message = Self {
            bytes: [0; MESSAGE_SIZE],
            len: 0,
        };
        let mut args = args.iter().copied();
        let mut rest = Cursor(format);
        while let Some(byte) = rest.next() {
            match byte {
                0 => break,
                b'%' if rest.take(b'%') => message.push(b'%'),
                b'%' => {
                    let conversion = Conversion::parse(&mut rest)?;
                    conversion.write(args.next().ok_or(BadFormat)?, &mut message);
                }
                _ => message.push(byte),
            }
        }
        Ok(message)
    }

    /// The bytes, which are text if the format was.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn push_all(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    fn repeat(&mut self, byte: u8, times: usize) {
        for _ in 0..times.min(MESSAGE_SIZE) {
            self.push(byte);
        }
    }
}

/// The rest of the format.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.next();
        }
        found
    }

    /// A decimal number; none is 0. More than a message can hold is as good as that.
    fn number(&mut self) -> usize {
        let mut number = 0;
        while let Some(digit) = self.0.first().filter(|byte| byte.is_ascii_digit()) {
            number = (number * 10 + usize::from(digit - b'0')).min(MESSAGE_SIZE);
            self.next();
        }
        number
    }
}

/// One conversion: `%[flags][width][.precision][length]letter`.
#[derive(Debug, Clone, Copy, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    length: Length,
    letter: u8,
}

/// The type that an argument has before it is promoted.
#[derive(Debug, Clone, Copy, Default)]
enum Length {
    Char,
    Short,
    #[default]
    Int,
    Long,
}

impl Conversion {
    fn parse(format: &mut Cursor<'_>) -> Result<Self, BadFormat> {
        let mut this = Self::default();
        loop {
            let flag = match format.0.first() {
                Some(b'-') => &mut this.left,
                Some(b'+') => &mut this.plus,
                Some(b' ') => &mut this.space,
                Some(b'#') => &mut this.alternate,
                Some(b'0') => &mut this.zeros,
                _ => break,
            };
            *flag = true;
            format.next();
        }
        this.width = format.number();
        if format.take(b'.') {
            this.precision = Some(format.number());
        }
        this.length = if format.take(b'h') {
            if format.take(b'h') {
                Length::Char
            } else {
                Length::Short
            }
        } else if format.take(b'l') {
            format.take(b'l');
            Length::Long
        } else if format.take(b'z') || format.take(b'j') || format.take(b't') {
            Length::Long
        } else {
            Length::Int
        };
        this.letter = format.next().ok_or(BadFormat)?;
        match this.letter {
            b'd' | b'i' | b'u' | b'x' | b'X' | b'o' | b'c' => Ok(this),
            _ => Err(BadFormat),
        }
    }

    fn write(self, argument: u64, message: &mut Message) {
        if self.letter == b'c' {
            self.pad(&[], 0, &[argument as u8], message);
            return;
        }
        let signed = matches!(self.letter, b'd' | b'i');
        let (negative, magnitude) = if signed {
            let number = self.length.signed(argument);
            (number < 0, number.unsigned_abs())
        } else {
            (false, self.length.unsigned(argument))
        };
        let mut buffer = [0; 22];
        let mut digits = digits(magnitude, self.letter, &mut buffer);
        if magnitude == 0 && self.precision == Some(0) {
            digits = &[];
        }
        let mut zeros = self.precision.unwrap_or(1).saturating_sub(digits.len());
        let prefix: &[u8] = match self.letter {
            b'd' | b'i' if negative => b"-",
            b'd' | b'i' if self.plus => b"+",
            b'd' | b'i' if self.space => b" ",
            b'x' if self.alternate && magnitude != 0 => b"0x",
            b'X' if self.alternate && magnitude != 0 => b"0X",
            _ => b"",
        };
        if self.letter == b'o' && self.alternate && zeros == 0 && digits.first() != Some(&b'0') {
            zeros = 1;
        }
        if self.zeros && !self.left && self.precision.is_none() {
            zeros = zeros.max(self.width.saturating_sub(prefix.len() + digits.len()));
        }
        self.pad(prefix, zeros, digits, message);
    }

    /// Writes prefix, zeros and digits, with blanks up to the width on the proper side.
    fn pad(self, prefix: &[u8], zeros: usize, digits: &[u8], message: &mut Message) {
        let blanks = self
            .width
            .saturating_sub(prefix.len() + zeros + digits.len());
        if !self.left {
            message.repeat(b' ', blanks);
        }
        message.push_all(prefix);
        message.repeat(b'0', zeros);
        message.push_all(digits);
        if self.left {
            message.repeat(b' ', blanks);
        }
    }
}

impl Length {
    fn signed(self, argument: u64) -> i64 {
        match self {
            Self::Char => i64::from(argument as i8),
            Self::Short => i64::from(argument as i16),
            Self::Int => i64::from(argument as i32),
            Self::Long => argument as i64,
        }
    }

    fn unsigned(self, argument: u64) -> u64 {
        match self {
            Self::Char => u64::from(argument as u8),
            Self::Short => u64::from(argument as u16),
            Self::Int => u64::from(argument as u32),
            Self::Long => argument,
        }
    }
}

/// The digits of a number in the base of a conversion letter. Twenty-two octal digits hold 64
/// bits.
fn digits(mut number: u64, letter: u8, buffer: &mut [u8; 22]) -> &[u8] {
    let (base, alphabet): (u64, &[u8; 16]) = match letter {
        b'x' => (16, b"0123456789abcdef"),
        b'X' => (16, b"0123456789ABCDEF"),
        b'o' => (8, b"0123456789abcdef"),
        _ => (10, b"0123456789abcdef"),
    };
    let mut start = buffer.len();
    for place in buffer.iter_mut().rev() {
        let digit = (number % base) as usize;
        *place = alphabet.get(digit).copied().unwrap_or(b'?');
        number /= base;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(format: &str, args: &[u64]) -> Result<String, BadFormat> {
        Message::new(format.as_bytes(), args)
            .map(|message| String::from_utf8(message.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn conversions_are_those_of_c() {
        let minus_one = -1_i64 as u64;
        // Expected values were written by glibc's printf.
        for (given, argument, expected) in [
            ("%d", 42, "42"),
            ("%i", minus_one, "-1"),
            ("%u", minus_one, "4294967295"),
            ("%lu", minus_one, "18446744073709551615"),
            ("%lld", i64::MIN as u64, "-9223372036854775808"),
            ("%hd", 0x1_8000, "-32768"),
            ("%hhd", 0x1ff, "-1"),
            ("%hhu", 0x1ff, "255"),
            ("%hu", 0x1_ffff, "65535"),
            ("%zu", 7, "7"),
            ("%jd", minus_one, "-1"),
            ("%x", 0xbeef, "beef"),
            ("%X", 0xbeef, "BEEF"),
            ("%#x", 0xbeef, "0xbeef"),
            ("%#X", 0xbeef, "0XBEEF"),
            ("%#x", 0, "0"),
            ("%o", 8, "10"),
            ("%#o", 8, "010"),
            ("%#o", 0, "0"),
            ("%lo", u64::MAX, "1777777777777777777777"),
            ("%5d|", 42, "   42|"),
            ("%-5d|", 42, "42   |"),
            ("%05d", 42, "00042"),
            ("%-05d|", 42, "42   |"),
            ("%05d", minus_one, "-0001"),
            ("%+d", 42, "+42"),
            ("% d", 42, " 42"),
            ("%+ d", 42, "+42"),
            ("%+u", 42, "42"),
            ("%.3d", 7, "007"),
            ("%6.3d|", 7, "   007|"),
            ("%06.3d|", 7, "   007|"),
            ("%.0d|", 0, "|"),
            ("%.d|", 0, "|"),
            ("%3.0d|", 0, "   |"),
            ("%#08x", 0xab, "0x0000ab"),
            ("%#.0o", 0, "0"),
            ("%#.3o", 8, "010"),
            ("%c", u64::from(b'A') + 256, "A"),
            ("%3c|", u64::from(b'A'), "  A|"),
            ("%-3c|", u64::from(b'A'), "A  |"),
            ("100%% of %d", 3, "100% of 3"),
        ] {
            assert_eq!(
                format(given, &[argument]).as_deref(),
                Ok(expected),
                "{given}"
            );
        }
    }

    #[test]
    fn arguments_are_used_in_order_and_the_rest_ignored() {
        assert_eq!(format("%d %x %u", &[1, 255, 3]).unwrap(), "1 ff 3");
        assert_eq!(format("nothing", &[1, 2, 3]).unwrap(), "nothing");
        assert_eq!(format("%d %d", &[1]), Err(BadFormat));
    }

    #[test]
    fn what_would_use_an_argument_as_an_address_is_refused() {
        for bad in ["%s", "%p", "%n", "%f", "%*d", "%", "%5", "%l", "%q", "a%"] {
            assert_eq!(format(bad, &[1, 2, 3]), Err(BadFormat), "{bad}");
        }
    }

    #[test]
    fn a_zero_byte_ends_the_format() {
        assert_eq!(format("a\0b%s", &[]).unwrap(), "a");
    }

    #[test]
    fn output_is_bounded_whatever_the_width() {
        for greedy in [
            "%99999d",
            "%-99999d",
            "%.99999d",
            "%099999999999999999999999d",
        ] {
            let written = Message::new(greedy.as_bytes(), &[1]).unwrap();
            assert_eq!(written.as_bytes().len(), MESSAGE_SIZE, "{greedy}");
        }
        let long = vec![b'x'; 3 * MESSAGE_SIZE];
        assert_eq!(
            Message::new(&long, &[]).unwrap().as_bytes().len(),
            MESSAGE_SIZE
        );
    }
}
