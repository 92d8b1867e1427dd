/** The version of this package, which a test compares with its package.json. */
export const VERSION = '0.2.0'
