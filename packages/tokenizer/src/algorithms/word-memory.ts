// Remembers what words became: text repeats itself, and cutting a word takes far longer than looking it up.

// Words kept before the memory is cleared, and the longest word worth keeping.
const wordLimit = 200_000;
const lengthLimit = 64;

/** The same function, remembering its answers for short words. */
export function rememberWords<Answer>(answer: (word: string) => Answer): (word: string) => Answer {
  const words = new Map<string, Answer>();
  return (word) => {
    let known = words.get(word);
    if (known === undefined) {
      known = answer(word);
      if (word.length <= lengthLimit) {
        if (words.size >= wordLimit) words.clear();
        words.set(word, known);
      }
    }
    return known;
  };
}
