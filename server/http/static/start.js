SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  docExpansion: "none",
  tagsSorter: "alpha",
  validatorUrl: null,
});
