//! Colours and attributes of text, as names of classes and never as values: the page chooses the
//! colours, so that both of its themes stay readable.

use vte::Params;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    foreground: Option<Colour>,
    background: Option<Colour>,
    bold: bool,
    dim: bool,
    italic: bool,
    underline: bool,
    inverse: bool,
    strike: bool,
}

/// One of the sixteen colours of a terminal: 0 to 7 normal, 8 to 15 bright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Colour(u8);

impl Style {
    /// Applies a "select graphic rendition" sequence.
    pub(super) fn select(&mut self, params: &Params) {
        // Both `38;5;n` and `38:5:n` are in use: flatten, then read.
        let mut codes = params.iter().flatten().copied();
        let mut any = false;
        while let Some(code) = codes.next() {
            any = true;
            self.apply(code, &mut codes);
        }
        if !any {
            *self = Self::default();
        }
    }

    fn apply(&mut self, code: u16, rest: &mut impl Iterator<Item = u16>) {
        match code {
            0 => *self = Self::default(),
            1 => self.bold = true,
            2 => self.dim = true,
            3 => self.italic = true,
            4 => self.underline = true,
            7 => self.inverse = true,
            9 => self.strike = true,
            22 => {
                self.bold = false;
                self.dim = false;
            }
            23 => self.italic = false,
            24 => self.underline = false,
            27 => self.inverse = false,
            29 => self.strike = false,
            30..=37 => self.foreground = Colour::small(code - 30),
            38 => self.foreground = Colour::extended(rest),
            39 => self.foreground = None,
            40..=47 => self.background = Colour::small(code - 40),
            48 => self.background = Colour::extended(rest),
            49 => self.background = None,
            90..=97 => self.foreground = Colour::small(code - 90 + 8),
            100..=107 => self.background = Colour::small(code - 100 + 8),
            _ => {}
        }
    }

    /// The style as names of classes, separated by blanks; empty for plain text.
    pub(super) fn classes(self) -> String {
        let mut names: Vec<String> = Vec::new();
        names.extend(self.foreground.map(|colour| format!("f{}", colour.0)));
        names.extend(self.background.map(|colour| format!("b{}", colour.0)));
        let flags = [
            (self.bold, "bold"),
            (self.dim, "dim"),
            (self.italic, "ital"),
            (self.underline, "under"),
            (self.inverse, "inv"),
            (self.strike, "strike"),
        ];
        for (set, name) in flags {
            if set {
                names.push(name.to_owned());
            }
        }
        names.join(" ")
    }
}

impl Colour {
    fn small(number: u16) -> Option<Self> {
        u8::try_from(number).ok().map(Self)
    }

    /// What follows 38 or 48: `5;n` of 256 colours, or `2;r;g;b`.
    fn extended(rest: &mut impl Iterator<Item = u16>) -> Option<Self> {
        let mut byte = || rest.next().and_then(|n| u8::try_from(n).ok());
        match byte()? {
            5 => {
                let number = byte()?;
                match number {
                    0..=15 => Some(Self(number)),
                    16..=231 => {
                        let cube = number - 16;
                        let level = |n: u8| if n == 0 { 0 } else { 55 + n * 40 };
                        Some(Self::nearest(
                            level(cube / 36),
                            level(cube / 6 % 6),
                            level(cube % 6),
                        ))
                    }
                    232..=255 => {
                        let grey = 8 + (number - 232) * 10;
                        Some(Self::nearest(grey, grey, grey))
                    }
                }
            }
            2 => {
                let (red, green, blue) = (byte()?, byte()?, byte()?);
                Some(Self::nearest(red, green, blue))
            }
            _ => None,
        }
    }

    /// The one of the sixteen that is closest, by distance in the usual terminal palette.
    fn nearest(red: u8, green: u8, blue: u8) -> Self {
        let distance = |(r, g, b): (u8, u8, u8)| {
            let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
            // The eye sees green best and blue least.
            3 * square(r, red) + 4 * square(g, green) + 2 * square(b, blue)
        };
        let found = (0_u8..16)
            .zip(PALETTE)
            .min_by_key(|(_, colour)| distance(*colour));
        Self(found.map_or(7, |(index, _)| index))
    }
}

const PALETTE: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];
