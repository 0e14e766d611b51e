//! Characters that a person cannot see, or that change how the others are seen (Unicode TR 36, TR 9).

use std::ops::RangeInclusive;

const DECEPTIVE: [RangeInclusive<char>; 14] = [
    '\u{AD}'..='\u{AD}',       // soft hyphen
    '\u{34F}'..='\u{34F}',     // combining grapheme joiner
    '\u{61C}'..='\u{61C}',     // Arabic letter mark
    '\u{115F}'..='\u{1160}',   // Hangul fillers: letters that show nothing
    '\u{17B4}'..='\u{17B5}',   // Khmer inherent vowels: likewise
    '\u{180B}'..='\u{180F}',   // Mongolian variation selectors and vowel separator
    '\u{200B}'..='\u{200F}',   // zero-width space and joiners, left-to-right and right-to-left mark
    '\u{2028}'..='\u{202E}',   // line and paragraph separators, bidi embeddings and overrides
    '\u{2060}'..='\u{206F}',   // word joiner, bidi isolates
    '\u{3164}'..='\u{3164}',   // Hangul filler
    '\u{FEFF}'..='\u{FEFF}',   // byte order mark
    '\u{FFA0}'..='\u{FFA0}',   // halfwidth Hangul filler
    '\u{FFF0}'..='\u{FFFB}',   // interlinear annotation
    '\u{E0000}'..='\u{E0FFF}', // tags, more variation selectors
];

/// Controls, line separators, bidirectional marks, zero-width and blank-looking characters.
pub(super) fn is_deceptive(c: char) -> bool {
    c.is_control() || DECEPTIVE.iter().any(|range| range.contains(&c))
}
