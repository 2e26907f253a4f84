/** What operating systems and HTTP clients say, by how it begins, and the same in words. */
const WORDS: readonly (readonly [said: RegExp, words: string])[] = [
  // libp2p names the address in front of what the system said, which names it too.
  [/^(?:connection error \S+: )?connect ECONNREFUSED (.+)$/, "nothing listens at $1"],
  [/^(?:connection error \S+: )?connect EHOSTUNREACH (.+)$/, "there is no way to $1"],
  [/^(?:connection error \S+: )?connect ENETUNREACH (.+)$/, "there is no network to $1"],
  [/^(?:connection error \S+: )?connect ETIMEDOUT (.+)$/, "$1 does not answer"],
  [/^getaddrinfo ENOTFOUND (.+)$/, "nobody knows the name $1"],
  [/^getaddrinfo EAI_AGAIN (.+)$/, "the name $1 cannot be looked up now"],
  [/^failed to connect via relay with status NO_RESERVATION$/, "it is not at the relay"],
  [/^read ECONNRESET$/, "the other side broke the connection"],
  // The system's own sentence with what it is about; without its code and the name of the call.
  [/^E[A-Z0-9]+: ([^,]+), [a-z]+ (?:'[^']*' -> )?'([^']*)'$/, "$1: $2"],
  [/^E[A-Z0-9]+: ([^,]+), [a-z]+$/, "$1"],
  // It goes on with a piece of the text, which may be of a file with a key in it.
  [/^Unexpected token [\s\S]*is not valid JSON$/, "it is not JSON"],
  [/^listen E[A-Z0-9]+: (.+)$/, "$1"],
];

/** A message of the system as a person reads it; any other as it is. */
export function inWords(message: string): string {
  const known = WORDS.find(([said]) => said.test(message));
  return known === undefined ? message : message.replace(...known);
}

/** What to do about a failure of the system that nothing else gives advice on. */
const ADVICE: Readonly<Record<string, string>> = {
  EACCES: "This user may not do that: look at the owner and the permissions with ls -l.",
  EPERM: "This user may not do that: look at the owner and the permissions with ls -l.",
  EROFS: "The file system can only be read; choose another folder.",
  ENOSPC: "The disk is full: free some space.",
  EDQUOT: "This user's share of the disk is full: free some space.",
  EEXIST: "A file is where a folder is wanted: move it away, or choose another folder.",
  ENOTDIR: "A file is where a folder is wanted: move it away, or choose another folder.",
  EISDIR: "A folder is where a file is wanted: name the file.",
  ENOENT: "Check the path.",
  EADDRINUSE: "Another program has this port: stop it, or choose another port.",
  EADDRNOTAVAIL: "This machine does not have this address: name one that it has, or 0.0.0.0.",
  EMFILE: "Too many files are open: raise the limit (ulimit -n, or LimitNOFILE= of systemd).",
};

/** What an operator can do about an error of the system; undefined for other errors. */
export function systemAdvice(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? ADVICE[String(error.code)] : undefined;
}
