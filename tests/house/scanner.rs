//! The source tree as its text shows it: files, the paths they name, and where.

use std::{fmt, fs, io, path::Path};

/// The files outside a `store.rs` that speak to the database: the pool, and the door to a transaction.
const DATABASE_DOORS: [&str; 3] = ["platform/db.rs", "audit/ledger.rs", "audit/work.rs"];

pub struct House {
    pub files: Vec<Source>,
    /// The path and text of every `up.sql`.
    pub migrations: Vec<(String, String)>,
}

pub struct Source {
    /// Below `src/`, with `/`.
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
    pub names: Vec<Name>,
}

pub struct Token {
    pub text: String,
    pub line: usize,
    /// Inside `#[…]`.
    pub attribute: bool,
}

/// A path in the code, with `use` groups unfolded, and `self` and `super` resolved to `crate::…`.
pub struct Name {
    pub steps: Vec<String>,
    pub line: usize,
    pub attribute: bool,
}

impl House {
    /// The tree this test was compiled in.
    pub fn ours() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let inside =
                        path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                    files.push(Source::new(&inside, fs::read_to_string(&path)?));
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files, migrations: migrations()? })
    }

    pub fn lib(&self) -> Option<&str> {
        self.files.iter().find(|file| file.path == "lib.rs").map(|file| file.text.as_str())
    }

    /// What `diesel::table!` declares in `schema.rs`.
    pub fn tables(&self) -> Vec<&str> {
        let schema = self.files.iter().filter(|file| file.path == "schema.rs");
        schema
            .flat_map(|file| file.tokens.windows(4))
            .filter_map(|tokens| match tokens {
                [table, bang, open, name]
                    if table.text == "table" && bang.text == "!" && open.text == "{" =>
                {
                    Some(name.text.as_str())
                }
                _ => None,
            })
            .collect()
    }

    pub fn breaches(&self, rule: impl Fn(&Source, &Name) -> Option<String>) -> Vec<String> {
        let every = self.files.iter().flat_map(|file| file.names.iter().map(move |name| (file, name)));
        every
            .filter_map(|(file, name)| {
                Some(format!("src/{}:{}: {}", file.path, name.line, rule(file, name)?))
            })
            .collect()
    }
}

fn migrations() -> io::Result<Vec<(String, String)>> {
    let mut migrations = Vec::new();
    for folder in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations"))? {
        let folder = folder?;
        let path = format!("migrations/{}/up.sql", folder.file_name().to_string_lossy());
        migrations.push((path, fs::read_to_string(folder.path().join("up.sql"))?));
    }
    migrations.sort();
    Ok(migrations)
}

impl Source {
    pub fn new(path: &str, text: String) -> Self {
        let tokens = tokens_of(&text);
        let names = names_of(path, &tokens);
        Self { path: path.to_owned(), text, tokens, names }
    }

    /// The floor's module this file is part of; none for the roots (`lib.rs`, `main.rs`, `bin/`) and the schema.
    pub fn module(&self) -> Option<&str> {
        let first = self.path.split('/').next()?;
        let first = first.strip_suffix(".rs").unwrap_or(first);
        (!["lib", "main", "bin", "schema"].contains(&first)).then_some(first)
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub fn is_store(&self) -> bool {
        self.name() == "store.rs" || self.path.contains("/store/")
    }

    pub fn is_door(&self) -> bool {
        DATABASE_DOORS.contains(&self.path.as_str()) || self.path.starts_with("platform/db/")
    }
}

impl Name {
    /// `x` of `crate::x::…`.
    pub fn in_crate(&self) -> Option<&str> {
        match self.steps.as_slice() {
            [root, module, ..] if root == "crate" => Some(module),
            _ => None,
        }
    }

    /// `diesel` covers `diesel_migrations` too, `actix` covers `actix_web` and `actix_http`.
    pub fn is_from(&self, family: &str) -> bool {
        let rest = self.steps.first().and_then(|first| first.strip_prefix(family));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }

    /// `x` of `schema::x`, wherever the path starts.
    pub fn table(&self) -> Option<&str> {
        let after = self.steps.iter().skip_while(|step| *step != "schema");
        after.map(String::as_str).nth(1)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.steps.join("::"))
    }
}

/// `x` of `pub mod x;`.
pub fn declared_module(line: &str) -> Option<&str> {
    let words = ["pub mod ", "pub(crate) mod ", "mod "];
    words.iter().find_map(|word| line.strip_prefix(word))?.split([';', ' ', '{']).next()
}

// ---- the scanner ----------------------------------------------------------------------------------------

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words, `::` and single signs; comments, strings and characters are left out.
fn tokens_of(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens: Vec<Token> = Vec::new();
    let (mut rest, mut line, mut attribute) = (chars.as_slice(), 1, 0_usize);
    while let Some(&first) = rest.first() {
        let silent = if first.is_whitespace() { 1 } else { silence(rest) };
        let word = rest.iter().take_while(|c| is_word(**c)).count();
        let length = match (silent, word, rest) {
            (0, 0, [':', ':', ..]) => 2,
            (0, word, _) => word.max(1),
            (silent, ..) => silent,
        };
        let (token, after) = rest.split_at(length);
        if silent == 0 {
            let text: String = token.iter().collect();
            let mut before = tokens.iter().rev().map(|token| token.text.as_str());
            let opens = match before.next() {
                Some("!") => before.next() == Some("#"),
                sign => sign == Some("#"),
            };
            attribute += usize::from(text == "[" && (attribute > 0 || opens));
            tokens.push(Token { line, attribute: attribute > 0, text });
            attribute -= usize::from(tokens.last().is_some_and(|token| token.text == "]") && attribute > 0);
        }
        line += token.iter().filter(|c| **c == '\n').count();
        rest = after;
    }
    tokens
}

/// The length of the comment or literal that starts here; 0 if none does.
fn silence(rest: &[char]) -> usize {
    let until = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        let at = rest.iter().enumerate().skip(from).map(|(at, _)| at);
        at.map(|at| at + end.len())
            .find(|after| rest.get(after - end.len()..*after) == Some(end.as_slice()))
            .unwrap_or(rest.len())
    };
    match rest {
        ['/', '/', ..] => until(2, "\n"),
        ['/', '*', ..] => {
            let (mut depth, mut at) = (1, 2);
            while depth > 0 && at < rest.len() {
                let step = rest.get(at..at + 2).unwrap_or_default();
                depth = if step == ['/', '*'] { depth + 1 } else { depth - usize::from(step == ['*', '/']) };
                at += if step == ['/', '*'] || step == ['*', '/'] { 2 } else { 1 };
            }
            at
        }
        ['"', ..] => escaped(rest, '"'),
        ['\'', '\\', ..] => escaped(rest, '\''),
        ['\'', _, '\'', ..] => 3,
        ['r', ..] | ['b' | 'c', 'r', ..] => {
            let prefix = rest.iter().take_while(|c| ['b', 'c', 'r'].contains(*c)).count();
            let hashes = rest.iter().skip(prefix).take_while(|c| **c == '#').count();
            let open = prefix + hashes;
            if prefix <= 2 && rest.get(open) == Some(&'"') {
                until(open + 1, &format!("\"{}", "#".repeat(hashes)))
            } else {
                0
            }
        }
        _ => 0,
    }
}

/// The length of a literal in which `\` protects the character after it.
fn escaped(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while let Some(&c) = rest.get(at) {
        at += if c == '\\' { 2 } else { 1 };
        if c == quote {
            break;
        }
    }
    at.min(rest.len())
}

/// Every path in the code of the file at `path`.
fn names_of(path: &str, tokens: &[Token]) -> Vec<Name> {
    let inside = path.trim_end_matches(".rs");
    let home = inside.split('/').filter(|step| !["lib", "main", "mod"].contains(step)).map(str::to_owned);
    let mut home: Vec<String> = home.collect();
    let mut names = Vec::new();
    // Inline modules: how deep in braces they opened.
    let (mut depth, mut inline) = (0_usize, Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let text = |offset: usize| tokens.get(at + offset).map_or("", |token| token.text.as_str());
        match token.text.as_str() {
            "mod" if text(2) == "{" => {
                home.push(text(1).to_owned());
                inline.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    home.pop();
                }
            }
            "use" if text(1) != "<" => {
                let statement = tokens.get(at + 1..).unwrap_or_default();
                let length = statement.iter().take_while(|token| token.text != ";").count();
                let statement = statement.get(..length).unwrap_or_default();
                names.extend(unfold(statement).into_iter().map(|name| name.resolve(&home)));
                at += length;
            }
            word if word.starts_with(is_word) => {
                let tail = tokens.get(at + 1..).unwrap_or_default().chunks(2);
                let tail = tail.take_while(
                    |pair| matches!(pair, [colons, step] if colons.text == "::" && step.text.starts_with(is_word)),
                );
                let tail: Vec<String> = tail.filter_map(|pair| Some(pair.last()?.text.clone())).collect();
                if !tail.is_empty() {
                    at += tail.len() * 2;
                    let steps = std::iter::once(word.to_owned()).chain(tail).collect();
                    let name = Name { steps, line: token.line, attribute: token.attribute };
                    names.push(name.resolve(&home));
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// The paths of a `use` statement, its groups unfolded.
fn unfold(statement: &[Token]) -> Vec<Name> {
    let mut names = Vec::new();
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut steps: Vec<String> = Vec::new();
    let (mut line, mut renamed, mut fresh) = (0, false, false);
    let mut keep = |steps: &[String], line| {
        names.push(Name { steps: steps.to_vec(), line, attribute: false });
    };
    for token in statement {
        match token.text.as_str() {
            "as" => renamed = true,
            "{" => {
                groups.push(steps.clone());
                fresh = false;
            }
            "," | "}" => {
                if fresh {
                    keep(&steps, line);
                }
                (renamed, fresh) = (false, false);
                steps = groups.last().cloned().unwrap_or_default();
                if token.text == "}" {
                    groups.pop();
                }
            }
            "self" if !steps.is_empty() => (line, fresh) = (token.line, true),
            step if step == "*" || (step.starts_with(is_word) && !renamed) => {
                steps.push(step.to_owned());
                (line, fresh) = (token.line, true);
            }
            _ => {}
        }
    }
    if fresh {
        keep(&steps, line);
    }
    names
}

impl Name {
    /// From `self::`, `super::` and the library's own name to `crate::`.
    fn resolve(mut self, home: &[String]) -> Self {
        let ups = self.steps.iter().take_while(|step| *step == "super" || *step == "self").count();
        let supers = self.steps.iter().take(ups).filter(|step| *step == "super").count();
        if ups > 0 {
            let base = home.iter().take(home.len().saturating_sub(supers));
            let base = std::iter::once("crate".to_owned()).chain(base.cloned());
            self.steps = base.chain(self.steps.iter().skip(ups).cloned()).collect();
        } else if let Some(first) = self.steps.first_mut().filter(|first| *first == "grantor") {
            "crate".clone_into(first);
        }
        self
    }
}
