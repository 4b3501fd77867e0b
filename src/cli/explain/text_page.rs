//! A page of text for people: headings, and rows of a label and a value, 80 columns wide.

use anstyle::{AnsiColor, Style};

/// What a page is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputStyle {
    Plain,
    /// With the escape sequences that a terminal shows as colours.
    Coloured,
}

/// What a part of a row tells at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTone {
    Neutral,
    Fine,
    Idle,
    Odd,
    Wrong,
}

/// A text that grows.
pub(super) struct TextPage {
    text: String,
    ink: OutputStyle,
}

impl TextTone {
    fn style(self) -> Style {
        match self {
            TextTone::Neutral => Style::new(),
            TextTone::Fine => AnsiColor::Green.on_default(),
            TextTone::Idle => Style::new().dimmed(),
            TextTone::Odd => AnsiColor::Yellow.on_default(),
            TextTone::Wrong => AnsiColor::Red.on_default(),
        }
    }
}

impl TextPage {
    pub(super) fn new(ink: OutputStyle) -> TextPage {
        TextPage { text: String::new(), ink }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn heading(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let text = self.painted(text, Style::new().bold());
        self.line(&text);
    }

    /// A label with its value beside it. A long value goes on below itself; a word is never cut.
    pub(super) fn row(&mut self, label: &str, value: &str) {
        self.row_in(TextTone::Neutral, label, value);
    }

    /// A row whose label has a tone.
    pub(super) fn row_in(&mut self, tone: TextTone, label: &str, value: &str) {
        if label.chars().count() >= LABEL {
            let label = self.painted(label, tone.style());
            self.line(&format!("  {label}"));
            return self.row("", value);
        }
        let mut line = format!("  {}", self.painted(&format!("{label:<LABEL$}"), tone.style()));
        let mut column = 2 + LABEL;
        let mut empty = true;
        for word in value.split(' ') {
            let length = word.chars().count();
            if !empty && column + 1 + length > WIDTH {
                self.line(&line);
                line = " ".repeat(2 + LABEL);
                column = 2 + LABEL;
                empty = true;
            }
            column += length + usize::from(!empty);
            line += if empty { "" } else { " " };
            line += word;
            empty = false;
        }
        self.line(&line);
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn painted(&self, text: &str, style: Style) -> String {
        match self.ink {
            OutputStyle::Plain => text.to_owned(),
            OutputStyle::Coloured => format!("{style}{text}{style:#}"),
        }
    }
}

const WIDTH: usize = 80;

/// The column of labels; wide enough for most addresses.
const LABEL: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(ink: OutputStyle) -> String {
        let mut page = TextPage::new(ink);
        page.heading("settings");
        page.row_in(TextTone::Wrong, "7 refused", &"word ".repeat(20));
        page.into_text()
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let coloured = written(OutputStyle::Coloured);
        let mut plain = String::new();
        for part in coloured.split('\u{1b}') {
            plain += part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, text)| text);
        }
        assert_ne!(coloured, plain);
        assert_eq!(plain, written(OutputStyle::Plain));
    }

    #[test]
    fn no_row_is_wider_than_the_page() {
        let page = written(OutputStyle::Plain);
        assert!(page.lines().all(|line| line.chars().count() <= WIDTH), "{page}");
        assert_eq!(page.lines().count(), 3, "{page}");
    }
}
