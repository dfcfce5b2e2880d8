#!/bin/bash
# The shared registry speaks the Confluent API that hamper relies on: register, look up by id and
# by schema, refuse what breaks FULL_TRANSITIVE, and say 404 for what it does not know.
# SPDX-License-Identifier: Apache-2.0
. "$TESTING"
needs curl python3

# call METHOD PATH [BODY]: prints the status code and leaves the answer in $WORK/answer.
call() {
    curl -sS -m 20 -o "$WORK/answer" -w '%{http_code}' -X "$1" "$HAMPER_REGISTRY$2" \
        -H 'Content-Type: application/vnd.schemaregistry.v1+json' ${3:+--data-binary "$3"}
}

# answer FIELD: of the last call.
answer() { python3 -c "import json, sys; print(json.load(open(sys.argv[1]))['$1'])" "$WORK/answer"; }

# body FIELDS: a registration of a record with these fields.
body() {
    python3 -c 'import json, sys
schema = {"type": "record", "name": "Probe", "namespace": "t", "fields": json.loads(sys.argv[1])}
print(json.dumps({"schema": json.dumps(schema)}))' "$1"
}

one=$(body '[{"name": "a", "type": "string"}]')
two=$(body '[{"name": "a", "type": "string"}, {"name": "b", "type": "int", "default": 0}]')
bad=$(body '[{"name": "a", "type": "string"}, {"name": "c", "type": "int"}]')

equals 'an unknown subject' 404 "$(call GET "/subjects/$ID/versions/latest")"
equals 'an unknown id' 404 "$(call GET /schemas/ids/999999)"
equals 'registering' 200 "$(call POST "/subjects/$ID/versions" "$one")"
id=$(answer id)
equals 'looking up by schema' 200 "$(call POST "/subjects/$ID" "$one")"
equals 'the id found by schema' "$id" "$(answer id)"
equals 'looking up by id' 200 "$(call GET "/schemas/ids/$id")"
equals 'asking for compatibility' 200 \
    "$(call PUT "/config/$ID" '{"compatibility": "FULL_TRANSITIVE"}')"
equals 'a compatible change' 200 "$(call POST "/subjects/$ID/versions" "$two")"
equals 'an incompatible change' 409 "$(call POST "/subjects/$ID/versions" "$bad")"
equals 'a schema that is none' 422 "$(call POST "/subjects/$ID/versions" '{"schema": "{"}')"
