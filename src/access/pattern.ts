/**
 * Whether an action matches a pattern of a role: letters in any ASCII case, `*` for any text, slashes too, nothing else
 * special (Azure RBAC, "Understand role definitions"). Folding is ASCII alone, so no Unicode twin of a letter matches.
 */
export function matchesAction(pattern: string, action: string): boolean {
  const folded = fold(action);
  const parts = fold(pattern).split('*');
  if (parts.length === 1) return parts[0] === folded;
  const first = parts[0]!;
  const last = parts[parts.length - 1]!;
  if (folded.length < first.length + last.length || !folded.startsWith(first) || !folded.endsWith(last)) return false;
  let position = first.length;
  const end = folded.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = folded.indexOf(part, position);
    if (found < 0 || found + part.length > end) return false;
    position = found + part.length;
  }
  return true;
}

function fold(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
