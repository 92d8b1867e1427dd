// tests that are CommonJS, or TypeScript made into it: livetree's own files have to be transformed as well
module.exports = {
  testMatch: ['**/*.spec.cjs'],
  transform: { '\\.[cm]?[jt]s$': '@swc/jest' },
  transformIgnorePatterns: ['/node_modules/(?!(@livetree|livetree)/)'],
}
