// Greets whoever asks: GET /, GET /:name, and the action `greet` for other plugins.
import { definePlugin } from "xcore/plugin";

export default definePlugin({
  routes: {
    "GET /": (_request, { config }) => ({ message: `${config.greeting}, world!` }),
    "GET /:name": (_request, { config, params }) => ({ message: `${config.greeting}, ${params["name"]}!` }),
  },
  actions: {
    greet: {
      input: {
        type: "object",
        required: ["name"],
        additionalProperties: false,
        properties: { name: { type: "string", minLength: 1, maxLength: 100 } },
      },
      run: ({ name }, { config }) => `${config.greeting}, ${name}!`,
    },
  },
});
