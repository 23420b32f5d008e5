--- What the keywords of JSON Schema hold: schemas, lists of them, maps of them, or plain lists.
-- SPDX-License-Identifier: MIT

local function set(text)
  local words = {}
  for word in text:gmatch "%S+" do words[word] = true end
  return words
end

return {
  set = set,

  single = set [[additionalItems additionalProperties contains contentSchema else if items not propertyNames then
    unevaluatedItems unevaluatedProperties]],
  list = set "allOf anyOf items oneOf prefixItems",
  map = set "$defs definitions dependencies dependentSchemas patternProperties properties",
  array = set "allOf anyOf enum examples oneOf prefixItems required",

  --- Words that say something about a schema and check nothing.
  annotation = set "$comment $id $schema default deprecated description examples id readOnly title writeOnly",
}
