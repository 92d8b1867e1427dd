/** The letters a to z in upper case; others have no case that every language and system agrees on, and stay. */
export function upperCase(name: string): string {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

/** The letters A to Z in lower case. */
export function lowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
