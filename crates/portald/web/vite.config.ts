import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` talks to a portald on its usual port; set PORTALD to use another one.
const portald = process.env.PORTALD ?? "http://127.0.0.1:11111";

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: "es2022",
    // Everything is one small bundle: no preloading to organise, nothing inlined past the CSP.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": { target: portald, ws: true, changeOrigin: true } } },
});
