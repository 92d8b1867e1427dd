/** What stands in for a secret value wherever livetree prints one. */
export const SECRET_TEXT = '[secret]'
