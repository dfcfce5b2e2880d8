# conf/compose/shop.awk - events of a made-up shop as JSON lines, for `hamper produce`.
#
#   awk -v what=catalogue -v now=SECONDS -f shop.awk src/shop/catalogue.txt
#
# what is catalogue, preferences (users 1 to `users`), orders or feedback (`count` of them), and
# requests. `seed` decides everything but the times, which are `now`; `batch` tells the calls of a
# stream apart. Plain awk: the image has no other interpreter.
#
# SPDX-License-Identifier: Apache-2.0
BEGIN {
    FS = "[ ]*[|][ ]*"
    srand(seed * 1000003 + batch)
}

function text(value) { gsub(/["\\]/, "", value); return "\"" value "\"" }

# "a, b" or "a b" as a JSON array of strings; "-" is the empty one, "?" null.
function list(value,    parts, count, i, out) {
    if (value == "?")
        return "null"
    if (value == "-")
        return "[]"
    count = split(value, parts, /[, ]+/)
    for (i = 1; i <= count; i++)
        if (parts[i] != "")
            out = out (out == "" ? "" : ",") text(parts[i])
    return "[" out "]"
}

function millis() { return sprintf("%.0f", now * 1000 + int(rand() * 1000)) }

function any_item() { return 1 + int(items * rand() * rand()) }

function any_user() { return "shopper-" (1 + int(users * rand())) }

function line(item, quantity) {
    return sprintf("{\"item_id\":%s,\"quantity\":%d,\"unit_price_minor\":%d}", text(id[item]),
        quantity, price[item])
}

function order(n,    i, count, item, seen, out) {
    count = 1 + int(5 * rand())
    for (i = 1; i <= count; i++) {
        item = any_item()
        if (!(item in seen))
            out = out (out == "" ? "" : ",") line(item, 1 + int(2 * rand()))
        seen[item] = 1
    }
    printf "{\"order_id\":\"o-%s-%s-%d\",\"user_id\":\"%s\",\"ordered_at\":%s,\"lines\":[%s]}\n",
        seed, batch, n, any_user(), millis(), out
}

function feedback(n) {
    printf "{\"feedback_id\":\"f-%s-%s-%d\",\"user_id\":\"%s\",\"at\":%s,", seed, batch, n,
        any_user(), millis()
    printf "\"kind\":\"%s\",\"item_id\":%s}\n", rand() < 0.7 ? "LIKED" : "DISLIKED",
        text(id[any_item()])
}

function request(n) {
    printf "{\"request_id\":\"q-%s-%s-%d\",\"user_id\":\"%s\",\"requested_at\":%s,", seed, batch, n,
        any_user(), millis()
    printf "\"budget_max_minor\":%d}\n", 50000 + 10000 * int(16 * rand())
}

function preferences(n) {
    printf "{\"user_id\":\"shopper-%d\",\"version\":1,\"updated_at\":%s,", n, millis()
    printf "\"budget_max_minor\":%d,", 80000 + 10000 * int(15 * rand())
    printf "\"avoid_allergens\":%s,", rand() < 0.2 ? "[\"peanut\"]" : "[]"
    printf "\"diets\":%s}\n", rand() < 0.4 ? "[\"vegetarian\"]" : "[]"
}

function shelf() {
    printf "{\"item_id\":%s,\"version\":1,\"updated_at\":%s,", text($1), millis()
    printf "\"name\":%s,\"category\":%s,\"price_minor\":%d,", text($2), text(category), $3 * 100
    printf "\"tags\":%s,\"allergens\":%s,\"diets\":%s,", list($9), list($7), list($8)
    printf "\"family\":%s,\"stock\":%s,", text($6), $10 ~ /[0-9]/ ? $10 + 0 : "null"
    printf "\"max_per_box\":%d,\"weight_g\":%s}\n", $5, $4 ~ /[0-9]/ ? $4 + 0 : "null"
}

/^[ ]*(#|$)/ { next }

/^\[/ {
    category = $0
    gsub(/[][]/, "", category)
    next
}

{
    id[++items] = $1
    price[items] = $3 * 100
    if (what == "catalogue")
        shelf()
}

END {
    for (n = 1; n <= (what == "preferences" ? users : count); n++) {
        if (what == "orders")
            order(n)
        else if (what == "feedback")
            feedback(n)
        else if (what == "requests")
            request(n)
        else if (what == "preferences")
            preferences(n)
    }
}
