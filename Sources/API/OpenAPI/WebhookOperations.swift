//  What `/v1/webhooks` and `/v1/deliveries` say of themselves.

import HTTPCore

extension WebhooksAPI {
    private static let keyed = ProblemCode.keyed + [.idempotencyAnswerLost]

    static var operations: [Operation] { registration + orders + sent }

    private static var registration: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/webhooks",
                id: "listWebhooks",
                tag: .webhooks,
                summary: "Lists webhooks",
                parameters: [.limit, .after],
                answers: [Answer(200, "A page of webhooks.", .json("WebhookList"), [.link])],
                errors: [.invalidParameter]
            ),
            Operation(
                method: .post,
                path: "/v1/webhooks",
                id: "createWebhook",
                tag: .webhooks,
                summary: "Registers a webhook",
                detail: "It is told of what comes from now on. The answer has the `secret`, this once.",
                parameters: [.idempotencyKey],
                body: Operation.Body(schema: "WebhookInput"),
                answers: [
                    Answer(201, "Registered.", .json("WebhookWithSecret"), [.location])
                        .leading(
                            to: "getWebhook",
                            "patchWebhook",
                            "testWebhook",
                            "rotateWebhookSecret",
                            "listDeliveries",
                            "deleteWebhook"
                        )
                ],
                errors: keyed + [.invalidInput]
            ),
            Operation(
                method: .get,
                path: "/v1/webhooks/{id}",
                id: "getWebhook",
                tag: .webhooks,
                summary: "Reads a webhook",
                parameters: [.webhookID],
                answers: [Answer(200, "The webhook.", .json("Webhook"))],
                errors: [.notFound]
            ),
            Operation(
                method: .patch,
                path: "/v1/webhooks/{id}",
                id: "patchWebhook",
                tag: .webhooks,
                summary: "Changes a webhook",
                parameters: [.webhookID, .idempotencyKey],
                body: Operation.Body(
                    schema: "WebhookPatch",
                    mediaTypes: ["application/merge-patch+json", "application/json"]
                ),
                answers: [Answer(200, "As it is now.", .json("Webhook"))],
                errors: keyed + [.notFound, .invalidInput]
            ),
            Operation(
                method: .delete,
                path: "/v1/webhooks/{id}",
                id: "deleteWebhook",
                tag: .webhooks,
                summary: "Removes a webhook",
                parameters: [.webhookID, .idempotencyKey],
                answers: [Answer(204, "Removed, with what was still to be delivered.")],
                errors: keyed + [.notFound]
            ),
        ]
    }

    private static var orders: [Operation] {
        [
            Operation(
                method: .post,
                path: "/v1/webhooks/{id}/test",
                id: "testWebhook",
                tag: .webhooks,
                summary: "Sends `webhook.test`",
                parameters: [.webhookID, .idempotencyKey],
                answers: [
                    Answer(202, "Its delivery.", .json("Delivery"), [.location])
                        .leading(to: "getDelivery", "retryDelivery")
                ],
                errors: keyed + [.notFound, .webhookDisabled]
            ),
            Operation(
                method: .post,
                path: "/v1/webhooks/{id}/rotate",
                id: "rotateWebhookSecret",
                tag: .webhooks,
                summary: "Gives a webhook a new secret",
                detail: "The old one signs along for 24 hours.",
                parameters: [.webhookID, .idempotencyKey],
                answers: [Answer(200, "The webhook with its new secret.", .json("WebhookWithSecret"))],
                errors: keyed + [.notFound]
            ),
        ]
    }

    private static var sent: [Operation] {
        [
            Operation(
                method: .get,
                path: "/v1/webhooks/{id}/deliveries",
                id: "listDeliveries",
                tag: .deliveries,
                summary: "Lists what a webhook was sent, the newest first",
                parameters: [.webhookID, .deliveryState, .limit, .after],
                answers: [Answer(200, "A page of deliveries.", .json("DeliveryList"), [.link])],
                errors: [.invalidParameter, .notFound]
            ),
            Operation(
                method: .get,
                path: "/v1/deliveries/{id}",
                id: "getDelivery",
                tag: .deliveries,
                summary: "Reads a delivery with its attempts",
                parameters: [.deliveryID],
                answers: [Answer(200, "The delivery.", .json("Delivery"))],
                errors: [.notFound]
            ),
            Operation(
                method: .post,
                path: "/v1/deliveries/{id}/retry",
                id: "retryDelivery",
                tag: .deliveries,
                summary: "Sends a delivery again",
                parameters: [.deliveryID, .idempotencyKey],
                answers: [Answer(202, "The delivery, which waits to be sent.", .json("Delivery"), [.location])],
                errors: keyed + [.notFound]
            ),
        ]
    }
}
