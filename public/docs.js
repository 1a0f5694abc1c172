// Draws the REST reference of /docs; asks no foreign host to validate it.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", validatorUrl: null });
