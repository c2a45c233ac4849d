//! Foreign text made fit for places that have rules.
//!
//! Neither Slack nor Notion says what a character is. UTF-16 units are counted here: there are
//! never fewer of them than of code points, so a text that fits by this count fits by any.

/// How long a text is, in UTF-16 units.
pub(crate) fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A text as one line of Slack's markup, escaped, of at most `units_max` units.
pub(crate) fn escaped(text: &str, units_max: usize) -> String {
    cut(one_line(text).map(Piece::escaped), units_max)
}

/// A text as inline code of Slack's markup, in which nothing but the three escapes has a meaning;
/// backticks would end it and become apostrophes. A text with nothing to see is a dash.
pub(crate) fn code(text: &str, units_max: usize) -> String {
    let letters = one_line(text).map(|c| if c == '`' { '\'' } else { c });
    let inside = cut(letters.map(Piece::escaped), units_max.saturating_sub(2));
    match inside.trim() {
        "" => "-".to_owned(),
        inside => format!("`{inside}`"),
    }
}

/// A text as one line, cut to at most `units_max` units.
pub(crate) fn line(text: &str, units_max: usize) -> String {
    cut(one_line(text).map(Piece::Letter), units_max)
}

/// A text of several lines, cut to at most `units_max` units.
pub(crate) fn lines(text: &str, units_max: usize) -> String {
    let visible = text
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .filter(|c| !is_hidden(*c));
    cut(visible.map(Piece::Letter), units_max)
}

/// The parts of a text, none longer than `units_max` units and none cut inside a character.
pub(crate) fn parts(text: &str, units_max: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut length = 0;
        let fits = rest.char_indices().find(|(_, c)| {
            length += c.len_utf16();
            length > units_max
        });
        // A part holds one character at least, or this would not end.
        let at = fits.map_or(rest.len(), |(at, c)| at.max(c.len_utf8()));
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after;
    }
    parts
}

enum Piece {
    Letter(char),
    Entity(&'static str),
}

impl Piece {
    /// The only three characters that Slack wants escaped, and unescapes.
    fn escaped(c: char) -> Piece {
        match c {
            '&' => Piece::Entity("&amp;"),
            '<' => Piece::Entity("&lt;"),
            '>' => Piece::Entity("&gt;"),
            other => Piece::Letter(other),
        }
    }

    fn units(&self) -> usize {
        match self {
            Piece::Letter(c) => c.len_utf16(),
            Piece::Entity(text) => text.len(),
        }
    }
}

/// As many whole pieces as fit, with an ellipsis where some did not.
fn cut(pieces: impl Iterator<Item = Piece>, units_max: usize) -> String {
    let mut out = String::new();
    let (mut length, mut before_ellipsis) = (0, 0);
    for piece in pieces {
        length += piece.units();
        if length > units_max {
            out.truncate(before_ellipsis);
            out.push('…');
            break;
        }
        match piece {
            Piece::Letter(c) => out.push(c),
            Piece::Entity(text) => out.push_str(text),
        }
        if length < units_max {
            before_ellipsis = out.len();
        }
    }
    out
}

fn one_line(text: &str) -> impl Iterator<Item = char> {
    let visible = text.chars().filter(|c| !is_hidden(*c));
    visible.map(|c| if ends_line(c) { ' ' } else { c })
}

fn ends_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Characters without a width of their own that hide, join or reorder what people read.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}
