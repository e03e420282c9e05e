"""The 288 features of the customer's main platform, by area: twenty-four areas of twelve.

A mark behind a title says how the feature fared: ``!`` nobody ever looked at it, ``?`` it is in a planned test only,
``~`` it was tested long ago and never since. ``-`` is no
longer in the catalogue (and not one of the 288), but tests of its time name it.
"""

from __future__ import annotations

from testio_analytics.demo.account.blueprints import Area, area

PLATFORM_AREAS: tuple[Area, ...] = (
    area(
        "Route search",
        "passenger",
        "Port search field; Route map; Return trip search; Multi-stop search; Flexible date search; Search filters; "
        "Recent searches; Nearby ports; Passenger count picker; Pet travel filter!; Sold-out sailing notice; "
        "Search result sorting",
        attention=3.0,
        trouble=1.2,
    ),
    area(
        "Timetables",
        "passenger",
        "Daily timetable; Seasonal timetable; Timetable print view~; Public holiday timetable; Crossing time display; "
        "Arrival in local time; Timetable calendar export!; Delay notices; Timetable comparison~; Port departure list; "
        "Night sailing marks; Timetable archive!",
        attention=1.6,
        trouble=0.7,
    ),
    area(
        "Fares",
        "passenger",
        "Fare calendar; Fare breakdown; Saver fare; Flexible fare; Family fare; Student discount; Senior discount; "
        "Resident fare~; Group fare request; Fare conditions; Fare alerts?; Currency switch; Early bird tariff-",
        attention=2.4,
        trouble=1.1,
    ),
    area(
        "Seats",
        "passenger",
        "Seat map; Seat reservation; Window seat preference; Quiet lounge seats; Seat change after booking; "
        "Wheelchair spaces!; Seats for families; Seat price display; Deck plan; Seat hold timer; Seat upgrade offers; "
        "Seat confirmation; Seat lottery-",
        attention=2.6,
        trouble=1.6,
    ),
    area(
        "Cabins",
        "passenger",
        "Cabin list; Cabin photos; Cabin comparison; Outside cabin booking; Pet-friendly cabins; Cabin for four; "
        "Cabin upgrade offers; Cabin key by phone?; Late cabin check-out; Accessible cabins!; Cabin bed set-up~; "
        "Shared cabin berths~",
        attention=1.7,
    ),
    area(
        "Vehicles",
        "driver",
        "Vehicle type picker; Vehicle length check; Roof box option; Motorcycle booking; Bicycle booking; "
        "Caravan booking; Electric car charging?; Trailer option~; Number plate entry; Vehicle change after booking; "
        "Car deck access times; Loading lane number",
        attention=1.5,
        trouble=0.8,
    ),
    area(
        "Passenger details",
        "passenger",
        "Passenger form; Saved travellers; Child passengers; Infant passengers; Passport data entry; "
        "Nationality picker; Special assistance request!; Emergency contact; Name correction; Companion copy; "
        "Age check; Traveller document upload",
        attention=2.2,
        trouble=1.3,
    ),
    area(
        "Extras",
        "passenger",
        "Meal pre-order; Breakfast buffet; Kids menu; Travel insurance; Wi-Fi package; Lounge access; "
        "Onboard cinema~; Parking at the port; Bus transfer; Gift cards in the cart; Extra luggage; "
        "Pet kennel booking!",
        attention=1.4,
    ),
    area(
        "Cart and checkout",
        "passenger",
        "Cart overview; Cart timer; Promo code field; Checkout as a guest; Checkout sign-in; Order summary; "
        "Terms confirmation; Price change notice; Booking confirmation page; Confirmation e-mail; Invoice address; "
        "Cart recovery",
        attention=4.0,
        trouble=1.8,
    ),
    area(
        "Payment",
        "passenger",
        "Card payment; Saved cards; Bank transfer; Payment in instalments?; Gift card payment; Points payment; "
        "Payment retry; Strong customer authentication; Refund to card; Split payment!; Payment receipt; "
        "Payment time-out; Cheque payment-",
        attention=3.6,
        trouble=2.0,
    ),
    area(
        "Booking management",
        "passenger",
        "Booking list; Booking details; Booking lookup without account; Date change; Route change; "
        "Booking cancellation; Rebooking after a cancelled sailing; Booking share link~; Booking PDF; Wallet pass; "
        "Booking notes; Waiting list!",
        attention=2.8,
        trouble=1.4,
    ),
    area(
        "Check-in",
        "passenger",
        "Online check-in; Check-in reminder; Check-in for groups; Boarding card; Paper boarding card~; "
        "Boarding by text message-; "
        "Kiosk check-in!; Check-in closing time; Document check; Check-in with vehicle; Boarding group display; "
        "No-show notice; Check-in on behalf of others",
        attention=2.3,
        trouble=0.9,
    ),
    area(
        "Customer account",
        "registered customer",
        "Sign-up; Sign-in; Password reset; Two-step sign-in; Profile photo; Profile details; Newsletter settings; "
        "Language setting; Account deletion!; Personal data export!; Linked accounts; Session list",
        attention=2.0,
        trouble=0.8,
    ),
    area(
        "Loyalty club",
        "club member",
        "Points balance; Points history; Status levels; Points transfer; Reward catalogue; Reward redemption; "
        "Partner offers; Missing points claim~; Member card; Birthday reward~; Points expiry notice; Family account?",
        attention=1.2,
    ),
    area(
        "Notifications",
        "passenger",
        "Departure reminders; Gate change alerts; Price drop e-mails; Push settings; SMS alerts~; Weather warnings!; "
        "Message inbox; E-mail layout; Quiet hours!; Notification language; Unsubscribe page; "
        "Alert for connecting trips",
        attention=1.3,
        trouble=0.6,
    ),
    area(
        "Help centre",
        "passenger",
        "Help search; Contact form; Live chat; Call-back request; Lost and found; Complaint form; "
        "Compensation claim; Help article feedback; Accessibility information; Port guides; "
        "Travel rules by country; Chat transcript",
        attention=0.9,
        trouble=0.5,
        quiet_days=250,
    ),
    area(
        "Public pages",
        "visitor",
        "Start page; Destination pages; Travel magazine; Offer landing pages; Image galleries; Video player; "
        "Cookie banner; Site search; Breadcrumb trail; Footer links; Language versions; Share buttons",
        attention=1.8,
        trouble=0.7,
    ),
    area(
        "Group travel",
        "group leader",
        "Group quote; Name list upload; Instalment plan; Group seating~; Free places for leaders; Group meal plan!; "
        "School trip form; Coach registration; Group contract; Deposit payment; Group change request; "
        "Leader dashboard",
        attention=0.8,
        quiet_days=120,
    ),
    area(
        "Freight booking",
        "dispatcher",
        "Freight quote; Lorry booking; Unaccompanied trailer; Dangerous goods declaration; Temperature control; "
        "Driver cabin; Customs papers; Freight tracking; Loading slot; Freight invoice; Freight contract rates; "
        "Standby list for lorries",
        attention=0.9,
        trouble=1.3,
    ),
    area(
        "Travel agents",
        "travel agent",
        "Agent sign-in; Agent price view; Commission statement; Booking on account; Option booking; "
        "Agent voucher; Agent newsletter; Client folder; Fam trip request; Brochure order; Agent training; "
        "Agent help line",
        attention=0.0,
    ),
    area(
        "Onboard services",
        "passenger",
        "Onboard portal; Deck navigator; Restaurant table booking; Spa appointment; Onboard shop; "
        "Shore excursion booking; Daily programme; Crossing map; Onboard chat with crew~; Duty-free pre-order; "
        "Onboard credit; Cabin service order",
        attention=1.4,
        trouble=1.2,
    ),
    area(
        "Crew desk",
        "crew member",
        "Passenger manifest; Boarding scanner; Seat reassignment; Cabin status board; Incident report; "
        "Assistance list; Vehicle deck view; Shift handover note; Announcement editor; Lost item register; "
        "Onboard refund; Stock count",
        attention=0.7,
        trouble=0.8,
        quiet_days=210,
    ),
    area(
        "Reporting",
        "analyst",
        "Occupancy report; Revenue report; Punctuality report; Channel comparison; Cancellation report; "
        "Refund report; Report scheduler; Report download; Forecast view; Customer survey results; "
        "Discount usage report; Data freshness banner",
        attention=0.5,
        trouble=0.6,
    ),
    area(
        "Administration",
        "administrator",
        "User management; Role editor; Sailing editor; Price rule editor; Discount editor; Content approval; "
        "Translation desk; Banner scheduler; Port master data; Ship master data; Audit trail; Feature switches",
        attention=0.6,
        quiet_days=190,
    ),
)

PRE_RELEASE_AREA = area(
    "Mobile pre-release",
    "passenger",
    "App start screen; Offline booking card; App deep links; Biometric sign-in; App language picker!; "
    "Home screen widget; App update notice; Watch companion?; App crash report",
    attention=1.0,
    trouble=1.5,
    sections=(25618,),
)

SHARED_WITH_PRE_RELEASE: tuple[str, ...] = (
    "Port search field",
    "Fare calendar",
    "Seat map",
    "Cart overview",
    "Promo code field",
    "Order summary",
    "Card payment",
    "Booking list",
    "Booking details",
    "Online check-in",
    "Boarding card",
    "Departure reminders",
)
"""The twelve features that the web section and the pre-release section share."""
