//! Just enough HTML to fill in a form.

/// A form on a page.
#[derive(Clone, Debug)]
pub struct Form {
    pub action: String,
    /// Hidden inputs and ticked checkboxes.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// The fields as they would be sent, with these changed or added; an empty value unticks.
    pub fn filled(&self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        for (name, value) in changes {
            fields.retain(|(own, _)| own != name);
            if !value.is_empty() {
                fields.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        fields
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// The forms of a page that post.
pub fn forms(body: &str) -> Vec<Form> {
    body.split("<form").skip(1).map(|rest| form(rest.split("</form>").next().unwrap_or(rest))).collect()
}

fn form(text: &str) -> Form {
    let (head, inside) = text.split_once('>').unwrap_or((text, ""));
    let inputs = inside.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let sent = inputs.filter(|input| match attribute(input, "type").as_deref() {
        Some("hidden") => true,
        Some("checkbox") => input.split_whitespace().any(|word| word.trim_end_matches('/') == "checked"),
        _ => false,
    });
    let fields = sent.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    Form { action: attribute(head, "action").unwrap_or_default(), fields: fields.collect() }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = tag.get(start..)?.split('"').next()?;
    let plain = value.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'");
    Some(
        plain
            .replace("&lt;", "<")
            .replace("&#60;", "<")
            .replace("&gt;", ">")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
            .replace("&amp;", "&"),
    )
}
