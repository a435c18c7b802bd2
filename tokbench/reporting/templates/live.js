// A tokenizer.json run in the page: text in, tokens and ids out, as the library gives them.
// What a block is not known for is refused with its name, never guessed.
const tokbenchEncoder = (() => {
  "use strict";
  const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";
  const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/u;
  const HAN = /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/u;

  const refuse = (what) => { throw new Error(`${what} is not done in a page`); };

  // The library's \s, \d and \w are not those of JavaScript: they are spelled out.
  const regex = (source, flags = "gu") => {
    const outside = source.replace(/\[(?:\\.|[^\]\\])*\]/gs, "[]");  // in a class + and * are characters
    if (/\(\?>|[+*?]\+|\\[AzZG]/.test(outside) || /\[\[:|&&/.test(source)) refuse(`the pattern ${source}`);
    let out = "", inside = false;
    for (let at = 0; at < source.length; at++) {
      const c = source[at];
      if (c === "\\") {
        const next = source[++at];
        const known = { s: SPACE, d: "\\p{Nd}", w: WORD, h: "0-9a-fA-F" }[next];
        const not = { S: SPACE, D: "\\p{Nd}", W: WORD }[next];
        if (known) out += inside ? known : `[${known}]`;
        else if (not) out += inside ? refuse(`the pattern ${source}`) : `[^${not}]`;
        else out += /[a-zA-Z0-9^$\\.*+?()[\]{}|/-]/.test(next) ? c + next : next;
      } else {
        if (c === "[") inside = true;
        if (c === "]") inside = false;
        out += c;
      }
    }
    return new RegExp(out, flags);
  };
  const literal = (text) => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "gu");
  const pattern = (spec) => ("String" in spec ? literal(spec.String) : regex(spec.Regex));
  const space = regex("\\s", "u");

  // The bytes of GPT-2's alphabet.
  const byteChars = [], charBytes = new Map();
  for (let byte = 0, extra = 0; byte < 256; byte++) {
    const plain = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    byteChars.push(String.fromCodePoint(plain ? byte : 256 + extra++));
    charBytes.set(byteChars[byte], byte);
  }
  const utf8 = new TextEncoder(), strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const spell = (text) => Array.from(utf8.encode(text), (byte) => byteChars[byte]).join("");

  const each = (text, change) => Array.from(text, change).join("");
  const lower = (text) => each(text, (c) => c.toLowerCase());
  const bert = (n) => (text) => {
    if (n.clean_text) {
      text = each(text, (c) => {
        if ("\t\n\r".includes(c)) return " ";
        if (c === "\ufffd" || /\p{C}/u.test(c)) return "";
        return space.test(c) ? " " : c;
      });
    }
    if (n.handle_chinese_chars) text = each(text, (c) => (HAN.test(c) ? ` ${c} ` : c));
    if (n.strip_accents ?? n.lowercase) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return n.lowercase ? lower(text) : text;
  };
  const stripped = (text, left, right) => {
    const chars = Array.from(text);
    let from = 0, to = chars.length;
    while (left && from < to && space.test(chars[from])) from++;
    while (right && to > from && space.test(chars[to - 1])) to--;
    return chars.slice(from, to).join("");
  };
  const normalizer = (n) => {
    if (!n) return (text) => text;
    switch (n.type) {
      case "Sequence": { const all = n.normalizers.map(normalizer); return (text) => all.reduce((t, f) => f(t), text); }
      case "NFC": case "NFD": case "NFKC": case "NFKD": return (text) => text.normalize(n.type);
      case "Nmt": return (text) => text.replace(/[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g, "")
        .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");
      case "Lowercase": return lower;
      case "StripAccents": return (text) => text.replace(/\p{M}/gu, "");
      case "Strip": return (text) => stripped(text, n.strip_left, n.strip_right);
      case "Prepend": return (text) => (text ? n.prepend + text : text);
      case "Replace": { const found = pattern(n.pattern); return (text) => text.replace(found, () => n.content); }
      case "ByteLevel": return spell;
      case "BertNormalizer": return bert(n);
      default: return refuse(`the normalizer ${n.type}`);
    }
  };

  // Pieces of a text by the matches of a pattern, and what becomes of the matches.
  const cut = (text, found, behavior, invert = false) => {
    const parts = [];
    let last = 0;
    for (const match of text.matchAll(found)) {
      if (match[0] === "") continue;
      if (match.index > last) parts.push([text.slice(last, match.index), invert]);
      parts.push([match[0], !invert]);
      last = match.index + match[0].length;
    }
    if (last < text.length) parts.push([text.slice(last), invert]);
    const out = [];
    let joins = false, ran = false;
    for (const [piece, isMatch] of parts) {
      if (behavior === "Removed") { if (!isMatch) out.push(piece); }
      else if (behavior === "Isolated") out.push(piece);
      else if (behavior === "Contiguous") { if (isMatch && ran) out[out.length - 1] += piece; else out.push(piece); ran = isMatch; }
      else if (behavior === "MergedWithPrevious") {
        if (isMatch && out.length && !ran) out[out.length - 1] += piece; else out.push(piece);
        ran = isMatch;
      } else if (behavior === "MergedWithNext") {
        if (joins && !isMatch) out[out.length - 1] += piece; else out.push(piece);
        joins = isMatch;
      } else refuse(`the behavior ${behavior}`);
    }
    return out;
  };
  const flat = (f) => (pieces) => pieces.flatMap(({ text, first }) =>
    f(text, first).map((piece, at) => ({ text: piece, first: first && at === 0 })));
  const metaspace = (p) => flat((text, first) => {
    let marked = text.replaceAll(" ", p.replacement);
    const scheme = p.prepend_scheme ?? (p.add_prefix_space === false ? "never" : "always");
    const wanted = scheme === "always" || (scheme === "first" && first);
    if (wanted && !marked.startsWith(p.replacement)) marked = p.replacement + marked;
    return p.split === false ? [marked] : cut(marked, literal(p.replacement), "MergedWithNext");
  });
  const preTokenizer = (p) => {
    if (!p) return (pieces) => pieces;
    switch (p.type) {
      case "Sequence": { const all = p.pretokenizers.map(preTokenizer); return (pieces) => all.reduce((t, f) => f(t), pieces); }
      case "ByteLevel": {
        const found = regex(GPT2);
        return flat((text) => {
          const whole = p.add_prefix_space && !text.startsWith(" ") ? " " + text : text;
          return (p.use_regex === false ? [whole] : cut(whole, found, "Isolated")).map(spell);
        });
      }
      case "Whitespace": { const found = regex("\\w+|[^\\w\\s]+"); return flat((text) => cut(text, found, "Removed", true)); }
      case "WhitespaceSplit": { const found = regex("\\s"); return flat((text) => cut(text, found, "Removed")); }
      case "BertPreTokenizer": {
        const spaces = regex("\\s"), marks = new RegExp(PUNCTUATION, "gu");
        return flat((text) => cut(text, spaces, "Removed").flatMap((word) => cut(word, marks, "Isolated")));
      }
      case "Punctuation": { const found = new RegExp(PUNCTUATION, "gu"); return flat((text) => cut(text, found, p.behavior ?? "Isolated")); }
      case "Digits": { const found = /\p{N}/gu; return flat((text) => cut(text, found, p.individual_digits ? "Isolated" : "Contiguous")); }
      case "Split": { const found = pattern(p.pattern); return flat((text) => cut(text, found, p.behavior, p.invert)); }
      case "CharDelimiterSplit": { const found = literal(p.delimiter); return flat((text) => cut(text, found, "Removed")); }
      case "FixedLength": return flat((text) => {
        const chars = Array.from(text), out = [];
        for (let at = 0; at < chars.length; at += p.length) out.push(chars.slice(at, at + p.length).join(""));
        return out;
      });
      case "Metaspace": return metaspace(p);
      default: return refuse(`the pre_tokenizer ${p.type}`);
    }
  };

  const byteTokens = (text) => Array.from(utf8.encode(text), (b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
  const WIDE = 2 ** 21;  // more than there are ids
  // The rank of a pair of tokens, by its place in the list; by ids, for a token may hold any character.
  const listed = (merges, vocab) => {
    const ranks = new Map();
    merges.forEach((merge, at) => {
      const [left, right] = Array.isArray(merge) ? merge : merge.split(" ");
      ranks.set(vocab.get(left) * WIDE + vocab.get(right), at);
    });
    return (left, right) => ranks.get(vocab.get(left) * WIDE + vocab.get(right));
  };
  // Every pair that joins to a token merges: by the token's id, then by the left half's id or its length.
  const joined = ({ by, first, last }, vocab) => {
    const early = listed(first, vocab), late = listed(last, vocab);
    return (left, right) => {
      const id = vocab.get(left + right);
      if (id === undefined || !vocab.has(left) || !vocab.has(right)) return undefined;
      const before = early(left, right), after = late(left, right);
      if (before !== undefined) return before - first.length;
      if (after !== undefined) return WIDE * WIDE + after;
      return id * WIDE + (by === "id" ? vocab.get(left) : WIDE - 1 - left.length);
    };
  };
  const bpe = (m, vocab) => {
    const rank = Array.isArray(m.merges) ? listed(m.merges, vocab) : joined(m.merges, vocab);
    if (m.dropout) refuse("dropout");
    const prefix = m.continuing_subword_prefix ?? "", suffix = m.end_of_word_suffix ?? "";
    const start = (word) => {
      const chars = Array.from(word), symbols = [];
      let unknown = false;
      chars.forEach((c, at) => {
        const symbol = (at ? prefix : "") + c + (at === chars.length - 1 ? suffix : "");
        if (vocab.has(symbol)) { symbols.push(symbol); unknown = false; return; }
        const bytes = m.byte_fallback ? byteTokens(symbol) : [];
        if (bytes.length && bytes.every((b) => vocab.has(b))) { symbols.push(...bytes); unknown = false; return; }
        if (m.unk_token == null) { unknown = false; return; }
        if (!(m.fuse_unk && unknown)) symbols.push(m.unk_token);
        unknown = true;
      });
      return symbols;
    };
    return (word) => {
      if (m.ignore_merges && vocab.has(word)) return [word];
      const symbols = start(word);
      for (;;) {
        let best = Infinity, place = -1;
        for (let at = 0; at + 1 < symbols.length; at++) {
          const found = rank(symbols[at], symbols[at + 1]);
          if (found !== undefined && found < best) { best = found; place = at; }
        }
        if (place < 0) return symbols;
        const right = symbols[place + 1];
        symbols.splice(place, 2, symbols[place] + (prefix && right.startsWith(prefix) ? right.slice(prefix.length) : right));
      }
    };
  };
  const wordpiece = (m, vocab) => (word) => {
    const chars = Array.from(word), tokens = [];
    if (chars.length > m.max_input_chars_per_word) return [m.unk_token];
    for (let from = 0; from < chars.length;) {
      let to = chars.length, token;
      for (; to > from; to--) {
        token = (from ? m.continuing_subword_prefix : "") + chars.slice(from, to).join("");
        if (vocab.has(token)) break;
      }
      if (to === from) return [m.unk_token];
      tokens.push(token);
      from = to;
    }
    return tokens;
  };
  const unigram = (m, vocab) => {
    const scores = new Map(m.vocab);
    const longest = m.vocab.reduce((most, [token]) => Math.max(most, Array.from(token).length), 1);
    const unknown = m.vocab.reduce((least, [, score]) => Math.min(least, score), Infinity) - 10;
    const unkToken = m.unk_id == null ? null : m.vocab[m.unk_id][0];
    const fallback = (piece) => {
      const bytes = m.byte_fallback ? byteTokens(piece) : [];
      if (bytes.length && bytes.every((b) => vocab.has(b))) return bytes;
      return unkToken === null ? refuse("a text with unknown characters, and no unk_id,") : [unkToken];
    };
    return (word) => {
      const chars = Array.from(word), best = [{ score: 0, from: 0, known: true }];
      for (let from = 0; from < chars.length; from++) {
        let token = "", single = false;
        const offer = (to, score, known) => {
          if (!best[to] || score > best[to].score) best[to] = { score, from, known };
        };
        for (let to = from + 1; to <= Math.min(chars.length, from + longest); to++) {
          token += chars[to - 1];
          const score = scores.get(token);
          if (score === undefined) continue;
          offer(to, best[from].score + score, true);
          if (to === from + 1) single = true;
        }
        if (!single) offer(from + 1, best[from].score + unknown, false);
      }
      const pieces = [];
      for (let to = chars.length; to > 0; to = best[to].from) {
        const { from, known } = best[to];
        const piece = chars.slice(from, to).join("");
        const before = pieces[0];
        if (!known && before && !before.known) before.piece = piece + before.piece;
        else pieces.unshift({ piece, known });
      }
      return pieces.flatMap(({ piece, known }) => (known ? [piece] : fallback(piece)));
    };
  };
  const model = (m, vocab) => {
    switch (m.type) {
      case "BPE": return bpe(m, vocab);
      case "WordPiece": return wordpiece(m, vocab);
      case "Unigram": return unigram(m, vocab);
      case "WordLevel": return (word) => [vocab.has(word) ? word : m.unk_token];
      default: return refuse(`the model ${m.type}`);
    }
  };

  // Special tokens around one text: [before, after].
  const around = (p) => {
    if (!p) return [[], []];
    switch (p.type) {
      case "ByteLevel": return [[], []];
      case "Sequence": return p.processors.map(around).reduce(([a, b], [c, d]) => [[...c, ...a], [...b, ...d]], [[], []]);
      case "BertProcessing": case "RobertaProcessing": return [[p.cls[0]], [p.sep[0]]];
      case "TemplateProcessing": {
        const sides = [[], []];
        let after = 0;
        for (const part of p.single) {
          if (part.Sequence) after = 1;
          else sides[after].push(...p.special_tokens[part.SpecialToken.id].tokens);
        }
        return sides;
      }
      default: return refuse(`the post_processor ${p.type}`);
    }
  };

  // A text cut at added tokens, longest first; each is [text, whether it is an added token].
  const splitter = (tokens) => {
    if (!tokens.length) return (text) => [[text, null]];
    const byText = new Map(tokens.map((token) => [token.match, token]));
    const found = new RegExp([...byText.keys()].sort((a, b) => b.length - a.length)
      .map((text) => literal(text).source).join("|"), "gu");
    const word = regex("\\w", "u");
    return (text) => {
      const parts = [];
      let last = 0;
      for (const match of text.matchAll(found)) {
        const token = byText.get(match[0]);
        let from = match.index, to = from + match[0].length;
        if (from < last) continue;
        const before = Array.from(text.slice(0, from)).pop(), after = Array.from(text.slice(to, to + 2))[0];
        if (token.single_word && ((before && word.test(before)) || (after && word.test(after)))) continue;
        while (token.lstrip && from > last && space.test(text[from - 1])) from--;
        while (token.rstrip && to < text.length && space.test(text[to])) to++;
        if (from > last) parts.push([text.slice(last, from), null]);
        parts.push([token.content, token]);
        last = to;
      }
      if (last < text.length) parts.push([text.slice(last), null]);
      return parts;
    };
  };

  // A vocabulary as a list of tokens by id, with merges as ids; null is a token that a merge made.
  const spelledOut = (m) => {
    if (!Array.isArray(m.vocab) || m.type === "Unigram") return m;
    const tokens = [...m.vocab];
    let next = 0;
    const pairs = (ids) => {
      const merges = [];
      for (let at = 0; at < ids.length; at += 2) {
        const left = tokens[ids[at]], right = tokens[ids[at + 1]];
        merges.push([left, right]);
        while (next < tokens.length && tokens[next] !== null) next++;
        if (next < tokens.length) tokens[next] = left + right;
      }
      return merges;
    };
    const told = m.merges ?? [];
    const merges = Array.isArray(told) ? pairs(told) : { ...told, first: pairs(told.first), last: pairs(told.last) };
    const vocab = new Map();
    tokens.forEach((token, id) => vocab.set(token, id));
    return { ...m, vocab, merges };
  };

  return (spec) => {
    const m = spelledOut(spec.model);
    const entries = () => (m.type === "Unigram" ? m.vocab.map(([token], id) => [token, id]) : Object.entries(m.vocab));
    const vocab = m.vocab instanceof Map ? m.vocab : new Map(entries());
    const added = spec.added_tokens ?? [];
    const own = new Map(added.map((token) => [token.content, token.id]));
    const normal = normalizer(spec.normalizer), pre = preTokenizer(spec.pre_tokenizer), tokenise = model(m, vocab);
    const raw = splitter(added.filter((t) => !t.normalized).map((t) => ({ ...t, match: t.content })));
    const late = splitter(added.filter((t) => t.normalized).map((t) => ({ ...t, match: normal(t.content) })));
    const [before, after] = around(spec.post_processor);
    const special = new Set(added.filter((t) => t.special).map((t) => t.content));
    const byteLevel = JSON.stringify([spec.pre_tokenizer, spec.normalizer]).includes('"ByteLevel"');
    const shown = (token) => {
      if (special.has(token) || !byteLevel) return { text: token, partial: false };
      const bytes = Array.from(token, (c) => charBytes.get(c));
      if (bytes.includes(undefined)) return { text: token, partial: false };
      try { return { text: strict.decode(Uint8Array.from(bytes)), partial: false }; }
      catch { return { text: bytes.map((b) => b.toString(16).toUpperCase().padStart(2, "0")).join(" "), partial: true }; }
    };
    const unknown = m.type === "Unigram" ? (m.vocab[m.unk_id] ?? [])[0] : m.unk_token;
    const kind = (token) => (token === unknown ? "unknown" : special.has(token) ? "special" : "");
    return (text) => {
      const tokens = [...before];
      let begin = true;
      for (const [part, isAdded] of raw(text)) {
        if (isAdded) { tokens.push(part); begin = false; continue; }
        for (const [piece, isLate] of late(normal(part))) {
          if (isLate) tokens.push(piece);
          else for (const word of pre([{ text: piece, first: begin }])) tokens.push(...tokenise(word.text));
          begin = false;
        }
      }
      tokens.push(...after);
      return tokens.map((token) => ({ token, id: own.get(token) ?? vocab.get(token), kind: kind(token), ...shown(token) }));
    };
  };
})();
