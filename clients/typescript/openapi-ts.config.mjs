/** @type {import('@hey-api/openapi-ts').UserConfig} */
export default {
  input: 'openapi.json',
  output: { path: 'src', clean: false },
  plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
  logs: { file: false, level: 'warn' },
};
