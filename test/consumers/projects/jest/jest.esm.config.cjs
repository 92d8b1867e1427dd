// tests that are modules: run jest with NODE_OPTIONS=--experimental-vm-modules
module.exports = { testMatch: ['**/*.spec.mjs'], transform: {} }
